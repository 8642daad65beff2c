import { defineConfig } from 'vite';

/** The headers that make the page cross-origin isolated. Without them, the network runs on one thread. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  // Relative paths, so that the built page works in any folder of a server.
  base: './',
  server: { headers },
  preview: { headers },
  worker: { format: 'es' },
  build: { target: 'esnext' },
  optimizeDeps: {
    // These packages start threads from files of their own, which Vite would otherwise merge into one.
    exclude: ['mobinet', '@mobinet/tensor', '@mobinet/autograd', '@mobinet/bnn'],
    // A CommonJS package, which browsers cannot load as it is.
    include: ['mobinet > @mobinet/tensor > ndarray'],
  },
});
