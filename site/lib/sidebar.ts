import type { DefaultTheme } from 'vitepress';
import { chapters, documents, pageOf, titleOf } from './documents.js';
import { modules } from './reference-modules.js';

/** The documents by what they are for. Others follow in the last group. */
const groups: readonly { text: string; files: readonly string[] }[] = [
  {
    text: 'Use it',
    files: [
      ...['README.md', 'docs/own-images.md', 'docs/small-data.md', 'docs/training.md', 'docs/command-line.md'],
      ...['docs/web.md', 'docs/interop.md', 'docs/gpu.md', 'docs/distributed.md', 'docs/help.md'],
    ],
  },
  {
    text: 'How it works',
    files: ['ARCHITECTURE.md', 'docs/equations.md', 'docs/operations.md', 'docs/semantics.md', 'docs/glossary.md'],
  },
  {
    text: 'What was measured',
    files: ['site/benchmarks/index.md', 'docs/performance.md', 'docs/fashion-mnist.md', 'docs/ablation.md'],
  },
  { text: 'Take part', files: ['CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'] },
];

const entry = (file: string): DefaultTheme.SidebarItem => ({ text: titleOf(file), link: `/${pageOf(file)}` });

/** The sidebars of the chapters, of the reference, and of all other documents. */
export function sidebar(): DefaultTheme.SidebarMulti {
  const listed = new Set(groups.flatMap(({ files }) => files));
  const others = documents().filter((file) => !file.startsWith('examples/') && !listed.has(file));
  const guides = [...groups, { text: 'More', files: others }].map(({ text, files }) => ({
    text,
    items: files.map(entry),
  }));
  return {
    '/chapters/': [
      { text: 'Chapters', link: '/chapters/', items: chapters().map((name) => entry(`examples/${name}/README.md`)) },
    ],
    '/reference/': [{ text: 'Reference', link: '/reference/', items: referenceModules() }],
    '/source/': [],
    '/': guides.filter(({ items }) => items.length > 0),
  };
}

/** The modules of the reference. Their pages list the rest; links to all of it would fill every page. */
const referenceModules = (): DefaultTheme.SidebarItem[] =>
  Object.keys(modules).map((name) => ({ text: name, link: `/reference/${name.replace('@mobinet/', '')}/` }));
