import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { listChapters } from '../scripts/lib/chapters.js';
import { CodeBlocks, expectedLines } from '../scripts/lib/code-blocks.js';

/**
 * Runs the code in the documents: every `ts` code block is compiled with the project's settings and executed.
 *
 * - A first line such as `// softsign.ts` names the file, so that other blocks of the document can import it.
 * - If a block has comments `// → …`, they are the lines that it must print.
 * - A block named `….test.ts` becomes part of this test file.
 * - A block marked `diff` adds files to the packages, and lines to existing files. Added files and lines are compiled
 *   as if they were in their places.
 */
const root = join(import.meta.dirname, '..');

const documents = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'],
  ...documentsIn('docs'),
  ...['tensor', 'autograd', 'bnn', 'mobinet'].flatMap((name) => documentsIn(`packages/${name}`)),
  ...documentsIn('examples'),
  ...listChapters().flatMap(({ name }) => documentsIn(`examples/${name}`)),
];

function documentsIn(folder: string): string[] {
  const files = readdirSync(join(root, folder)).filter((file) => file.endsWith('.md'));
  return files.map((file) => `${folder}/${file}`);
}

interface Block {
  /** The name of its file, without `.ts`. */
  readonly name: string;
  readonly code: string;
}

function readBlocks(document: string): Block[] {
  const text = readFileSync(join(root, document), 'utf8');
  return Array.from(text.matchAll(/^```ts\n(.*?)^```$/gms), ([, code], index) => ({
    name: /^\/\/ ([\w.-]+)\.ts\n/.exec(code)?.[1] ?? `block-${index + 1}`,
    code,
  }));
}

/** The lines that the diffs of a document add to each file, as modules that import each other. */
function readDiffs(document: string): Block[] {
  const text = readFileSync(join(root, document), 'utf8');
  const added = new Map<string, string>();
  for (const [, diff] of text.matchAll(/^```diff\n(.*?)^```$/gms)) {
    for (const file of diff.split(/^--- .*\n\+\+\+ b\//m).slice(1)) {
      const path = file.slice(0, file.indexOf('\n'));
      const lines = Array.from(file.matchAll(/^\+(.*\n)/gm), ([, line]) => line);
      added.set(path, [added.get(path) ?? '', ...lines].join(''));
    }
  }
  // A relative import is of another file that a diff adds, or of one that is compiled already.
  const place = (path: string, specifier: string): string => {
    const module = join(dirname(path), specifier);
    if (added.has(module.replace(/\.js$/, '.ts'))) return `./${basename(module)}`;
    return relative(join(workspace.folder, document), join(root, module.replace('/src/', '/dist/')));
  };
  return Array.from(added, ([path, code]) => ({
    name: basename(path, '.ts'),
    code: code.replace(/(?<= from ')\..*(?=';)/g, (specifier) => place(path, specifier)),
  }));
}

const workspace = new CodeBlocks();
afterAll(() => workspace.remove());

const blocks = documents.flatMap((document) =>
  [...readBlocks(document), ...readDiffs(document)].map(({ name, code }) => ({
    document,
    name,
    code,
    path: `${document}/${name}`,
  })),
);

const [tests, programs] = [true, false].map((is) => blocks.filter(({ name }) => name.endsWith('.test') === is));

/** The messages of the compiler for all blocks. */
const messages = await workspace.compile(blocks);

describe('the code in the documents', () => {
  test('is found', () => {
    expect(blocks.map(({ document }) => document)).toContain('README.md');
  });

  test('compiles', () => {
    expect(messages).toBe('');
  });

  test('runs, and prints what its comments say', async () => {
    const outcomes = await workspace.run(programs);
    programs.forEach(({ path, code }, index) => {
      const { lines, error } = outcomes[index];
      expect.soft(error, path).toBe('');
      const expected = expectedLines(code);
      if (expected.length > 0) expect.soft(lines, path).toEqual(expected);
    });
  });

  describe.each(tests)('$document: $name', async ({ path }) => {
    await import(join(workspace.folder, `${path}.js`));
  });
});
