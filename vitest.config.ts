import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The software adapter of Debian's Chromium. It shows whether GPU kernels are correct, but not how fast they are. */
const swiftShader = '/usr/lib/chromium/vk_swiftshader_icd.json';

if (!process.env.VK_ICD_FILENAMES && existsSync(swiftShader)) {
  // Inherited by the processes that run the tests.
  process.env.VK_ICD_FILENAMES = swiftShader;
  process.env.LD_LIBRARY_PATH = '/usr/lib/chromium';
}
const hasGpu = Boolean(process.env.VK_ICD_FILENAMES) || existsSync('/usr/share/vulkan/icd.d');
if (!hasGpu)
  console.warn('The GPU kernels are not tested, because there is no driver. Install one: apt-get install chromium');

/** The tests to run on a GPU: its own tests, and tests that compare kernels with their definitions (`checkOp`). */
const kernelTests = ['tensor', 'autograd', 'bnn', 'mobinet']
  .flatMap((name) => {
    const folder = join('packages', name, 'dist');
    const files = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
    return files.map((file) => join(folder, file));
  })
  // Tests of WebAssembly kernels do not apply to a GPU.
  .filter((file) => file.endsWith('.test.js') && !file.endsWith('.wasm.test.js'))
  .filter((file) => file.endsWith('.gpu.test.js') || readFileSync(file, 'utf8').includes('checkOp('));

/** The slowest test files, slowest first. */
const slowest = [
  'site/site.test.js',
  'training/training.gpu.test.js',
  'web-gpu.test.js',
  'training/faults.gpu.test.js',
];

/** The first of these projects has the slowest files. */
const projectOrder = ['webgpu', 'fast', 'solutions', 'reference'];

/**
 * Starts the slowest files first, so that short files fill the end, where otherwise one of the two workers would wait
 * for the other. The files of a project stay together, since a worker restarts when it changes to another project.
 */
class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ project, moduleId }: TestSpecification): number => {
      const place = slowest.findIndex((name) => moduleId.endsWith(name));
      return place < 0 ? slowest.length + projectOrder.indexOf(project.name) : place;
    };
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}

// The tests run as compiled, so what is tested is what ships, including worker threads. Tests of modules import them one
// by one, and so do the packages here. The command line and other programs that tests start are bundled, as for users.
export default defineConfig({
  ssr: { resolve: { conditions: ['mobinet-unbundled', ...defaultServerConditions] } },
  test: {
    globalSetup: 'scripts/lib/bundle-packages.js',
    setupFiles: ['scripts/lib/fast-check.setup.js'],
    // The timeouts catch tests that hang. The slowest tests take 40 seconds on a slow machine, and none measures time.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    maxWorkers: 2,
    // Test files share a process: importing everything again for each takes longer than the tests.
    isolate: false,
    sequence: { sequencer: SlowestFirst },
    // `npm run coverage`, of the modules as compiled; source maps lead to the sources. What tests run in other processes,
    // in threads and in browsers is not counted.
    coverage: {
      provider: 'v8',
      include: ['packages/*/dist/**/*.js'],
      exclude: ['**/*.test.js', '**/*.helper.js', '**/dist/node/**', '**/*.min.js'],
      reporter: ['html', 'text-summary', ['text-summary', { file: 'summary.txt' }]],
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['packages/*/dist/**/*.test.js', '{bench,examples,examples/lib,scripts,site}/*.test.js'],
          exclude: ['**/*.gpu.test.js'],
        },
      },
      {
        // The exercises of the chapters, as solved. `npm run exercise` tests what the reader writes.
        extends: true,
        test: { name: 'solutions', include: ['examples/*/exercise.test.js'], env: { MOBINET_SOLUTIONS: '1' } },
      },
      {
        // All laws must also hold for the definitions. Memory, threads and the assembler are the same in both, and
        // comparisons with PyTorch choose the kernels themselves: each case runs on both.
        extends: true,
        test: {
          name: 'reference',
          include: ['packages/{tensor,autograd,bnn}/dist/**/*.test.js'],
          exclude: ['**/*.gpu.test.js', '**/backends/**', '**/wasm/**', '**/*.wasm.test.js', '**/torch-fixtures/**'],
          env: { MOBINET_KERNELS: 'reference' },
        },
      },
      ...(hasGpu
        ? [
            {
              extends: true as const,
              test: {
                name: 'webgpu',
                include: kernelTests,
                setupFiles: ['packages/tensor/dist/testing/gpu.setup.js'],
              },
            },
          ]
        : []),
    ],
  },
});
