import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';

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
];

function documentsIn(folder: string): string[] {
  const files = readdirSync(join(root, folder)).filter((file) => file.endsWith('.md'));
  return files.map((file) => `${folder}/${file}`);
}

const { resolve } = createRequire(import.meta.url);
const run = promisify(execFile);

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
    return relative(join(workspace, document), join(root, module.replace('/src/', '/dist/')));
  };
  return Array.from(added, ([path, code]) => ({
    name: basename(path, '.ts'),
    code: code.replace(/(?<= from ')\..*(?=';)/g, (specifier) => place(path, specifier)),
  }));
}

// Inside this package, so that imports resolve as in the examples. tsc and Biome ignore names that start with a dot.
const workspace = mkdtempSync(join(import.meta.dirname, '.documents-'));
afterAll(() => rmSync(workspace, { recursive: true }));

const blocks = documents.flatMap((document) =>
  [...readBlocks(document), ...readDiffs(document)].map((block) => ({ document, ...block })),
);

for (const { document, name, code } of blocks) {
  mkdirSync(join(workspace, document), { recursive: true });
  writeFileSync(join(workspace, document, `${name}.ts`), code);
}

const [tests, programs] = [true, false].map((is) => blocks.filter(({ name }) => name.endsWith('.test') === is));

/** The output of the compiler for all blocks. */
const compiled = await compile();

async function compile(): Promise<{ code: number; stdout: string }> {
  const compilerOptions = { composite: false, declarationMap: false, rootDir: '.' };
  const files = blocks.map(({ document, name }) => `${document}/${name}.ts`);
  writeFileSync(
    join(workspace, 'tsconfig.json'),
    JSON.stringify({ extends: '../../tsconfig.base.json', compilerOptions, files }),
  );
  const compiler = join(dirname(resolve('typescript/package.json')), 'bin/tsc');
  const { code = 0, stdout } = await run(process.execPath, [compiler, '-p', workspace]).catch((error) => error);
  return { code, stdout };
}

describe('the code in the documents', () => {
  test('is found', () => {
    expect(blocks.map(({ document }) => document)).toContain('README.md');
  });

  test('compiles', () => {
    expect(compiled).toEqual({ code: 0, stdout: '' });
  });

  test('runs, and prints what its comments say', async () => {
    const files = programs.map(({ document, name }) => join(workspace, document, `${name}.js`));
    const driver = join(workspace, 'all.mjs');
    // One process runs all blocks: starting a process and compiling its kernels takes longer than the blocks. A zero
    // byte ends the output of each.
    writeFileSync(
      driver,
      "for (const file of process.argv.slice(2)) {\n  await import(file);\n  console.log('\\0');\n}\n",
    );
    const { stdout } = await run(process.execPath, [driver, ...files]);
    const outputs = stdout.split('\0\n');
    programs.forEach(({ document, name, code }, index) => {
      const expected = Array.from(code.matchAll(/^\/\/ → (.*)$/gm), ([, line]) => line);
      if (expected.length > 0)
        expect.soft(outputs[index].trimEnd().split('\n'), `${document}: ${name}`).toEqual(expected);
    });
    expect(outputs).toHaveLength(programs.length + 1);
  });

  describe.each(tests)('$document: $name', async ({ document, name }) => {
    await import(join(workspace, document, `${name}.js`));
  });
});
