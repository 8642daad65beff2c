import { defineConfig } from 'vite';

/** What makes a page cross-origin isolated, so that its threads may share memory. Workers need it as the page does. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  // So that the built page works in any folder of a server.
  base: './',
  // A file that is not there is an error, not the page once more.
  appType: 'mpa',
  server: { headers },
  preview: { headers },
  worker: { format: 'es' },
  build: { outDir: 'dist/site', emptyOutDir: true, target: 'esnext' },
});
