import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './flags.js';

const { resolve } = createRequire(import.meta.url);
const run = promisify(execFile);

/** A `ts` code block of a document or a docstring. */
export interface CodeBlock {
  /** Its place in the workspace, without `.ts`. Blocks in the same folder can import each other. */
  readonly path: string;
  readonly code: string;
}

/** What a block did. */
export interface Outcome {
  readonly lines: readonly string[];
  /** What it threw, with its stack. Empty if it threw nothing. */
  readonly error: string;
}

/** The lines that a block must print: its comments `// → …`. */
export function expectedLines(code: string): string[] {
  return Array.from(code.matchAll(/^\/\/ → (.*)$/gm), ([, line]) => line);
}

/** A folder in which the code blocks of the project are compiled and run. */
export class CodeBlocks {
  // Inside the repository, so that imports resolve. tsc and Biome ignore names that start with a dot.
  readonly folder = mkdtempSync(join(root, 'scripts/.code-blocks-'));

  /** Compiles all blocks together, with the project's settings, and returns the messages of the compiler. */
  async compile(blocks: readonly CodeBlock[]): Promise<string> {
    for (const { path, code } of blocks) {
      mkdirSync(join(this.folder, dirname(path)), { recursive: true });
      writeFileSync(join(this.folder, `${path}.ts`), code);
    }
    const compilerOptions = { composite: false, declarationMap: false, rootDir: '.' };
    const files = blocks.map(({ path }) => `${path}.ts`);
    const config = { extends: '../../tsconfig.base.json', compilerOptions, files };
    writeFileSync(join(this.folder, 'tsconfig.json'), JSON.stringify(config));
    const compiler = join(dirname(resolve('typescript/package.json')), 'bin/tsc');
    const { stdout } = await run(process.execPath, [compiler, '-p', this.folder]).catch((error) => error);
    return stdout;
  }

  /**
   * Runs compiled blocks, all in one process: starting a process and compiling its kernels takes longer than the blocks.
   */
  async run(blocks: readonly CodeBlock[]): Promise<Outcome[]> {
    const driver = join(this.folder, 'all.mjs');
    writeFileSync(driver, driverCode);
    const files = blocks.map(({ path }) => join(this.folder, `${path}.js`));
    const { stdout } = await run(process.execPath, [driver, ...files], { maxBuffer: 2 ** 26 });
    const parts = stdout.split('\0');
    return blocks.map((_, index) => ({
      lines: parts[2 * index].trimEnd().split('\n'),
      error: parts[2 * index + 1],
    }));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

// A zero byte ends the output of each block, and another one its error.
const driverCode = `
for (const file of process.argv.slice(2)) {
  const error = await import(file).then(() => '', (error) => error.stack);
  process.stdout.write('\\0' + error + '\\0');
}
`;
