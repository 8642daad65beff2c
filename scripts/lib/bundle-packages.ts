import { readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { refuseStale } from './refuse-stale.js';

/** A package, and the modules of it that Node runs rather than imports: the command line, and scripts of threads. */
interface Package {
  readonly name: string;
  readonly programs?: readonly string[];
  readonly threads?: readonly string[];
}

const packages: readonly Package[] = [
  { name: 'tensor', threads: ['backends/cpu/helper.js'] },
  { name: 'autograd' },
  { name: 'bnn' },
  { name: 'mobinet', programs: ['cli/main.js'], threads: ['data/decode-worker.js'] },
];

/**
 * Bundles the compiled modules of each package into the few files of `dist/node`, which Node imports. Otherwise, a
 * program would load hundreds of modules, each of which takes Node about as long as a large file. Every entry of
 * `exports` becomes a file, and what they share other files, so each module still exists once. Packages are not bundled
 * into each other. The new files are in a subfolder of `dist`, as the modules are, so paths relative to
 * `import.meta.url` lead to the same places.
 */
export async function bundlePackages(): Promise<void> {
  await Promise.all(packages.map(bundlePackage));
}

/** Vitest calls this before all tests, so that `tsc -b` alone is enough to run them. */
export const setup = bundlePackages;

async function bundlePackage({ name, programs = [], threads = [] }: Package): Promise<void> {
  const folder = fileURLToPath(new URL(`../../packages/${name}`, import.meta.url));
  const entries = [...exportsOf(folder), ...programs.map(namedAsIs)];
  const { outputFiles, metafile } = await build({
    absWorkingDir: join(folder, 'dist'),
    entryPoints: [...entries, ...threads.map(namedAsIs)],
    outdir: 'node',
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    legalComments: 'none',
    metafile: true,
    write: false,
  });
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
  const check = `(${refuseStale})(import.meta.url, ${JSON.stringify(Object.keys(metafile.inputs))});\n`;
  for (const { out } of entries) texts.set(`${out}.js`, texts.get(`${out}.js`) + check);
  await replaceFiles(join(folder, 'dist/node'), texts);
}

const namedAsIs = (path: string): { in: string; out: string } => ({ in: path, out: basename(path, '.js') });

/** The modules that a package exports, and the names of their bundles. */
function exportsOf(folder: string): { in: string; out: string }[] {
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.values<Record<string, string>>(exports).map((paths) => ({
    in: paths['mobinet-unbundled'].replace('./dist/', ''),
    out: basename(paths.node, '.js'),
  }));
}

/** Replaces the files of a folder, each at once, since programs may be starting, and removes all others. */
async function replaceFiles(folder: string, texts: ReadonlyMap<string, string>): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of texts) {
    const temporary = join(folder, `.${process.pid}-${name}`);
    await writeFile(temporary, text);
    await rename(temporary, join(folder, name));
  }
  const old = (await readdir(folder)).filter((name) => !texts.has(name) && !name.startsWith('.'));
  for (const name of old) await rm(join(folder, name), { force: true });
}
