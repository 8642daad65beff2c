import { defineConfig } from 'vitest/config';

// The tests run as compiled: what is tested is what ships, worker threads included.
export default defineConfig({
  test: {
    include: ['packages/*/dist/**/*.test.js', 'examples/**/*.test.js'],
    testTimeout: 60_000,
    maxWorkers: 2,
  },
});
