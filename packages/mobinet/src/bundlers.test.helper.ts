import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { consumers } from './published.test.helper.js';

const load = createRequire(consumers);

/** A page bundled with Vite. */
export interface Bundle {
  /** Paths of the modules that come from packages. */
  readonly modules: readonly string[];
  /** The code of all scripts. */
  readonly contents: readonly string[];
  /** The path of the script that the page loads. */
  readonly entry: string;
  /** The size of all scripts, gzipped, in bytes. */
  readonly gzipped: number;
  readonly warnings: readonly string[];
}

/** Bundles a page with one script, in a new folder `root`. */
export async function bundleWithVite(root: string, script: string): Promise<Bundle> {
  mkdirSync(root);
  writeFileSync(join(root, 'index.html'), '<script type="module" src="page.js"></script>');
  writeFileSync(join(root, 'page.js'), script);
  const warnings: string[] = [];
  const { output } = (await build({
    root,
    logLevel: 'silent',
    build: { target: 'esnext', rolldownOptions: { onwarn: ({ message }) => warnings.push(message) } },
  })) as Rolldown.RolldownOutput;
  const chunks = output.filter((file) => file.type === 'chunk');
  const scripts = output.filter(({ fileName }) => fileName.endsWith('.js'));
  const contents = scripts.map((file) => (file.type === 'chunk' ? file.code : Buffer.from(file.source).toString()));
  return {
    modules: chunks.flatMap(({ moduleIds }) => moduleIds).filter((id) => id.includes('node_modules')),
    contents,
    entry: join(root, 'dist', chunks.find(({ isEntry }) => isEntry)!.fileName),
    gzipped: contents.reduce((sum, content) => sum + gzipSync(content).length, 0),
    warnings,
  };
}

/** Bundles a script with plain Rollup, without a plugin for CommonJS. Returns the code of the first chunk. */
export async function bundleWithRollup(input: string): Promise<{ code: string; warnings: string[] }> {
  const { rollup } = load('rollup') as {
    rollup(options: object): Promise<{ generate(options: object): Promise<{ output: { code: string }[] }> }>;
  };
  const { default: nodeResolve } = load('@rollup/plugin-node-resolve');
  const warnings: string[] = [];
  const onLog = (_: string, { code, message }: { code: string; message: string }): void => {
    // Rollup also reports modules that call each other, which is harmless.
    if (code !== 'CIRCULAR_DEPENDENCY') warnings.push(message);
  };
  const bundle = await rollup({ input, plugins: [nodeResolve({ browser: true })], onLog });
  const { output } = await bundle.generate({ format: 'es' });
  return { code: output[0].code, warnings };
}

interface Report {
  readonly warnings: unknown[];
  readonly errors: unknown[];
}

/** Bundles and minifies a script with esbuild. Returns the size of the result in bytes. */
export async function bundleWithEsbuild(entry: string, outfile: string): Promise<Report & { bytes: number }> {
  const { build } = load('esbuild') as { build(options: object): Promise<Report> };
  const { warnings, errors } = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
  });
  return { warnings, errors, bytes: statSync(outfile).size };
}

/** Bundles a script with webpack, which runs in the folder `context`. */
export function bundleWithWebpack(
  context: string,
  entry: string,
  outputFolder: string,
): Promise<Report & { readonly chunks: unknown[] }> {
  type Stats = { toJson(options: object): Report & { readonly chunks: unknown[] } };
  const webpack = load('webpack') as (options: object, done: (error: Error | null, stats: Stats) => void) => void;
  const options = {
    mode: 'production',
    context,
    entry,
    output: { path: outputFolder },
    // Minification takes webpack long, and esbuild has shown the minified size already.
    optimization: { minimize: false },
    performance: false,
  };
  const requested = { all: false, warnings: true, errors: true, chunks: true };
  return new Promise((resolve, reject) => {
    webpack(options, (error, stats) => (error ? reject(error) : resolve(stats.toJson(requested))));
  });
}
