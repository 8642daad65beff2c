import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, posix } from 'node:path';
import { build } from 'esbuild';
import tsBlankSpace from 'ts-blank-space';
import { chapters, root, textOf } from './documents.js';

// The programs of the chapters as a page runs them: JavaScript that the reader can edit, and the modules it imports.

const fileOf = (chapter: string): string => `examples/${chapter}/chapter.ts`;

/** Whether a chapter runs in a browser: whether it uses nothing of Node. */
export const runsInBrowsers = (chapter: string): boolean => !/from 'node:|\bprocess\./.test(textOf(fileOf(chapter)));

/**
 * Writes `programs/NAME.js` for each chapter that runs in a browser, and bundles the worker that runs them and what they
 * import to `modules`. The modules share their chunks, so a page that has loaded one has parts of the others.
 */
export async function writePrograms(folder: string): Promise<void> {
  for (const name of ['programs', 'modules']) await rm(join(folder, name), { recursive: true, force: true });
  const names = chapters().filter(runsInBrowsers);
  await mkdir(join(folder, 'programs'), { recursive: true });
  for (const name of names) await writeFile(join(folder, 'programs', `${name}.js`), withoutTypes(fileOf(name)));

  const imported = new Set([...packages, ...names.flatMap(importsOf)]);
  await build({
    absWorkingDir: root,
    entryPoints: [
      ...Array.from(imported, (module) => ({
        in: module.startsWith('examples/') ? `./${module}` : module,
        out: module.replace(/\.js$/, ''),
      })),
      { in: './site/workers/runner.ts', out: 'runner' },
    ],
    outdir: join(folder, 'modules'),
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    chunkNames: 'shared-[hash]',
    define: { MODULES: JSON.stringify([...imported]) },
    logLevel: 'warning',
  });
}

/** What any program may import, apart from the modules of its chapter. */
const packages = ['@mobinet/tensor', '@mobinet/autograd', '@mobinet/bnn', 'mobinet'];

/** The modules that a chapter imports: `./circle.js` is `examples/08-sign-and-estimators/circle.js`. */
const importsOf = (chapter: string): string[] =>
  Array.from(textOf(fileOf(chapter)).matchAll(/^(?:import|\}) .*from '([^']+)';$/gm), ([, specifier]) =>
    specifier.startsWith('.') ? posix.join('examples', chapter, specifier) : specifier,
  );

/** A TypeScript file as JavaScript, with its comments and in the format of this repository. */
function withoutTypes(file: string): string {
  const text = tsBlankSpace(textOf(file), ({ pos }) => {
    throw new Error(`${file}, character ${pos}: only types that can be erased may be used here.`);
  });
  const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');
  const args = [biome, 'format', `--stdin-file-path=${file.replace(/\.ts$/, '.js')}`, '--vcs-enabled=false'];
  return execFileSync(process.execPath, args, { cwd: root, input: text, encoding: 'utf8' });
}
