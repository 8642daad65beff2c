import { defineConfig } from 'vitest/config';

// The tests run as compiled: what is tested is what ships, worker threads included.
export default defineConfig({
  test: {
    testTimeout: 60_000,
    maxWorkers: 2,
    // Test files share a process: to import everything anew for each takes longer than the tests.
    isolate: false,
    projects: [
      {
        extends: true,
        test: { name: 'fast', include: ['packages/*/dist/**/*.test.js', '{bench,examples}/*.test.js'] },
      },
      {
        // All laws hold on the definitions alone, too.
        extends: true,
        test: {
          name: 'reference',
          include: ['packages/{tensor,autograd,bnn}/dist/**/*.test.js'],
          env: { MOBINET_KERNELS: 'reference' },
        },
      },
    ],
  },
});
