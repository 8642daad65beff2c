/**
 * Bundles what was compiled: the packages for Node (`lib/bundle-packages.ts`), and the engine of networks as
 * `packages/mobinet/dist/mobinet.min.js`, a single file for web pages, which `mobinet export --format js` puts into the
 * files that it writes.
 *
 *     npm run bundle
 */
import { cp } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundlePackages } from './lib/bundle-packages.js';

await bundlePackages();
// The engine must not be written half: programs may be reading it.
const { saveFile } = await import('mobinet');

const packages = fileURLToPath(new URL('../packages/', import.meta.url));
const dist = `${packages}mobinet/dist/`;

// Error messages name sections of this page, so each package contains it.
for (const name of ['tensor', 'autograd', 'bnn', 'mobinet']) {
  await cp(fileURLToPath(new URL('../docs/help.md', import.meta.url)), `${packages}${name}/docs/help.md`);
}

const { outputFiles } = await build({
  entryPoints: [`${dist}page.js`],
  bundle: true,
  minify: true,
  format: 'iife',
  globalName: 'mobinet',
  target: 'es2022',
  // The paths of the scripts of threads, which a single file does not have.
  define: { 'import.meta.url': 'undefined' },
  banner: { js: '/*! mobinet, MIT License, (c) 2026 The MoBiNet TypeScript authors */' },
  write: false,
});
const [{ contents }] = outputFiles;
await saveFile(`${dist}mobinet.min.js`, contents);
console.log(`packages/mobinet/dist/mobinet.min.js, ${contents.length.toLocaleString('en-US')} bytes`);
