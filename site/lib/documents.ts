import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { listChapters } from '../../scripts/lib/chapters.js';
import { root } from '../../scripts/lib/flags.js';

// The documents of the repository, and where they are on the site. Paths of files are relative to the root, with
// slashes, and so are those of pages; a page keeps the ending .md until VitePress makes .html of it.

export { root };

/** Where the site will be on its server: `/`, or a folder such as `/mobinet/`. */
export const base = process.env.SITE_BASE ?? '/';

/** The text of a file of the repository. */
export const textOf = (file: string): string => readFileSync(join(root, file), 'utf8').replaceAll('\r\n', '\n');

/** Whether a document is a page of the site. */
export const isPage = (file: string): boolean =>
  /^([^/]+|docs\/.+|site\/.+|examples\/(\d\d-[^/]+\/)?README)\.md$/.test(file);

/** Patterns of documents that are no pages, for `srcExclude` of VitePress. */
export const excluded = [
  ...foldersIn('.').filter((name) => !['docs', 'examples', 'site'].includes(name)),
  ...foldersIn('examples').filter((name) => !/^examples\/\d\d-/.test(name)),
].map((folder) => `${folder}/**`);

function foldersIn(folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => posix.join(folder, name));
}

/** Where a document is on the site: `examples/04-spirals/README.md` is `chapters/04-spirals.md`. */
export function pageOf(file: string): string {
  if (file === 'README.md') return 'introduction.md';
  if (file === 'examples/README.md') return 'chapters/index.md';
  const chapter = chapterOf(file);
  if (chapter) return `chapters/${chapter}.md`;
  return file.includes('/') ? file.replace(/^site\//, '') : file.toLowerCase();
}

/** The page that shows a file of source code. */
export const sourcePageOf = (file: string): string => `source/${file}.md`;

/** The chapter whose text a document is: the name of its folder. */
export const chapterOf = (file: string): string | undefined => /^examples\/(\d\d-[^/]+)\/README\.md$/.exec(file)?.[1];

/** The names of the chapters, in order. */
export const chapters = (): readonly string[] => listChapters().map(({ name }) => name);

/** All documents that people have written: those of the root, of `docs` and of `examples`. */
export const documents = (): readonly string[] =>
  [...filesIn('.', false), ...filesIn('docs'), ...filesIn('examples')].filter(isPage);

/** The files in a folder and, unless `recursive` is false, in its subfolders. */
export const filesIn = (folder: string, recursive = true): string[] =>
  readdirSync(join(root, folder), { recursive, encoding: 'utf8' })
    .map((path) => (folder === '.' ? path : `${folder}/${path.replaceAll('\\', '/')}`))
    .sort();

/** The first heading of a document, without its marks. */
export function titleOf(file: string): string {
  const heading = /^# (.+)$/m.exec(textOf(file));
  if (!heading) throw new Error(`${file} has no heading.`);
  return heading[1].replaceAll('`', '');
}

/** Whether a page has headings below its title, which an outline beside it lists. */
export const hasOutline = (file: string): boolean => !file.startsWith('site/source/') && /^#{2,3} /m.test(textOf(file));
