import { existsSync, statSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, extname, join, posix } from 'node:path';
import { documents, filesIn, isPage, root, textOf } from './documents.js';

/** The names that Shiki, which colors code, has for the languages of files that documents link to. */
const languages: Record<string, string> = { '.ts': 'ts', '.py': 'python', '.json': 'json', '.yml': 'yaml' };

/**
 * Writes a page for each file of source code that a document or the reference links to.
 *
 * @param folder The folder of these pages, `site/source`.
 */
export async function writeSourcePages(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const reference = filesIn('site/reference').filter(isPage);
  for (const file of new Set([...reference, ...documents()].flatMap(linkedFiles))) {
    const page = join(folder, `${file}.md`);
    const language = languages[extname(file)] ?? 'txt';
    await mkdir(dirname(page), { recursive: true });
    await writeFile(
      page,
      `# ${posix.basename(file)}\n\n\`${file}\`\n\n${fence}${language} source\n${textOf(file).trimEnd()}\n${fence}\n`,
    );
  }
}

/** Longer than those in any file. */
const fence = '`'.repeat(8);

/** The files that a document links to or has excerpts of, and that are no pages. */
function linkedFiles(document: string): string[] {
  const text = textOf(document);
  const targets = [
    ...text.matchAll(/\]\(([^():#]+(?<!\.(?:svg|png|webp)))[)#]/g),
    ...text.matchAll(/^```\w+ ([\w./-]+\.\w+)$/gm),
  ];
  return targets
    .map(([, path]) => fileAt(path, document))
    .filter((file) => existsSync(join(root, file)) && statSync(join(root, file)).isFile() && !isPage(file));
}

/** The reference links to pages of this folder, documents to the files themselves. */
const fileAt = (path: string, document: string): string =>
  path.startsWith('/source/')
    ? path.slice('/source/'.length).replace(/\.md$/, '')
    : posix.join(posix.dirname(document), path);
