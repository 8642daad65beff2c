import { defineConfig } from 'vite';

export default defineConfig({
  // Relative paths, so that the built page works in any folder of a server.
  base: './',
  worker: { format: 'es' },
  // Next to the program that serves the page.
  build: { outDir: '../../packages/mobinet/demo', emptyOutDir: true, target: 'esnext' },
});
