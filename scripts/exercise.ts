/**
 * Compiles what has changed, and tests what the reader has written in the exercises of chapters.
 *
 *     npm run exercise 4
 *
 * With MOBINET_SOLUTIONS=1, it tests the solutions instead.
 */
import { defaultServerConditions } from 'vite';
import { startVitest } from 'vitest/node';
import './lib/closed-pipe.js';
import { chosenChapters } from './lib/chosen-chapters.js';
import { compile } from './lib/compile.js';
import { root } from './lib/flags.js';

const chapters = chosenChapters('exercise', 'Compiles what has changed, and tests the exercise.ts of a chapter:');
const tests = chapters.map(({ name }) => `examples/${name}/exercise.test.js`);
await compile(tests);
await startVitest(
  'test',
  [],
  {
    config: false,
    watch: false,
    root,
    setupFiles: ['scripts/lib/fast-check.setup.js'],
    include: tests,
    reporters: ['verbose'],
    // Some solutions train a network, which takes a while on a slow machine.
    testTimeout: 60_000,
    // The reader's own lines are enough.
    onStackTrace: (_, { file }) => !file.includes('node_modules'),
    // Node itself loads the packages, which is faster than through Vite.
    server: { deps: { external: [/\/packages\/\w+\/dist\//] } },
    execArgv: ['--conditions=mobinet-unbundled'],
  },
  { ssr: { resolve: { conditions: ['mobinet-unbundled', ...defaultServerConditions] } } },
);
