import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';

/**
 * Runs the code in the documents: every block marked `ts` is compiled with the project's own settings and executed.
 *
 * - A first line such as `// softsign.ts` names the file, so that other blocks of the document can import it.
 * - What a block prints must be what its comments `// → …` say, line by line, if it has any.
 * - A block named `….test.ts` is run by vitest.
 */
const documents = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'docs/interop.md',
  'packages/tensor/README.md',
  'packages/autograd/README.md',
  'packages/bnn/README.md',
  'packages/mobinet/README.md',
];

const root = join(import.meta.dirname, '..');
const { resolve } = createRequire(import.meta.url);
const run = promisify(execFile);

interface Block {
  /** Its file, without `.ts`. */
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

const blocks = documents.flatMap((document) => readBlocks(document).map((block) => ({ document, ...block })));

// Inside this package, so that imports resolve as they do in the examples. tsc and Biome pass over names with a dot.
const workspace = mkdtempSync(join(import.meta.dirname, '.documents-'));
afterAll(() => rmSync(workspace, { recursive: true }));

for (const { document, name, code } of blocks) {
  mkdirSync(join(workspace, document), { recursive: true });
  writeFileSync(join(workspace, document, `${name}.ts`), code);
}

describe('the code in the documents', () => {
  test('is there', () => {
    expect(blocks.map(({ document }) => document)).toContain('README.md');
  });

  test('compiles', async () => {
    const compilerOptions = { composite: false, declarationMap: false, rootDir: '.' };
    const files = blocks.map(({ document, name }) => `${document}/${name}.ts`);
    writeFileSync(
      join(workspace, 'tsconfig.json'),
      JSON.stringify({ extends: '../../tsconfig.base.json', compilerOptions, files }),
    );
    const compiler = join(dirname(resolve('typescript/package.json')), 'bin/tsc');
    const { code = 0, stdout } = await run(process.execPath, [compiler, '-p', workspace]).catch((error) => error);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  });

  test.for(blocks)('$document: $name runs', async ({ document, name, code }) => {
    const folder = join(workspace, document);
    if (name.endsWith('.test')) {
      const vitest = join(dirname(resolve('vitest/package.json')), 'vitest.mjs');
      const config = join(workspace, 'vitest.config.mjs');
      writeFileSync(config, 'export default {};\n');
      await run(process.execPath, [vitest, 'run', '--config', config, '--root', folder, `${name}.js`]);
      return;
    }
    const { stdout } = await run(process.execPath, [join(folder, `${name}.js`)]);
    const promised = Array.from(code.matchAll(/^\/\/ → (.*)$/gm), ([, line]) => line);
    if (promised.length > 0) expect(stdout.trimEnd().split('\n')).toEqual(promised);
  });
});
