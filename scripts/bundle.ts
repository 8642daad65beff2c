/**
 * Bundles the engine of networks and writes `packages/mobinet/dist/mobinet.min.js`: a single file for web pages, which
 * `mobinet export --format js` puts into the files that it writes.
 *
 *     npm run bundle
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { saveFile } from 'mobinet';

const dist = fileURLToPath(new URL('../packages/mobinet/dist/', import.meta.url));

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
