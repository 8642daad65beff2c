import { defineConfig } from 'vite';

export default defineConfig({
  // So that the built page works in any folder of a server.
  base: './',
  worker: { format: 'es' },
  // Beside the program that serves it.
  build: { outDir: '../../packages/mobinet/demo', emptyOutDir: true, target: 'esnext' },
});
