import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** A program that plays a GPU, in Debian's package of Chromium: it tells whether kernels are right, not how fast they are. */
const swiftShader = '/usr/lib/chromium/vk_swiftshader_icd.json';

if (!process.env.VK_ICD_FILENAMES && existsSync(swiftShader)) {
  // Processes that the tests run in inherit these.
  process.env.VK_ICD_FILENAMES = swiftShader;
  process.env.LD_LIBRARY_PATH = '/usr/lib/chromium';
}
const hasGpu = Boolean(process.env.VK_ICD_FILENAMES) || existsSync('/usr/share/vulkan/icd.d');
if (!hasGpu)
  console.warn('The kernels for GPUs are not tested: there is no driver of one. Install: apt-get install chromium');

/** Tests of a GPU's own, and those of kernels, which `checkOp` holds to their definitions. */
const kernelTests = ['tensor', 'autograd', 'bnn', 'mobinet']
  .flatMap((name) => {
    const folder = join('packages', name, 'dist');
    const files = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
    return files.map((file) => join(folder, file));
  })
  // Tests of WebAssembly alone are none of a GPU's.
  .filter((file) => file.endsWith('.test.js') && !file.endsWith('.wasm.test.js'))
  .filter((file) => file.endsWith('.gpu.test.js') || readFileSync(file, 'utf8').includes('checkOp('));

/** The files that take longest, longest first. */
const longest = ['training/training.gpu.test.js', 'web-gpu.test.js', 'training/faults.gpu.test.js'];

/** The first of these projects holds the longest files. */
const projectOrder = ['webgpu', 'fast', 'reference'];

/**
 * Starts the longest files first. What is short then fills the gap between the two workers at the end, where otherwise one would wait for
 * the other. Files of a project stay together, since a worker that turns to another project starts anew.
 */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ project, moduleId }: TestSpecification): number => {
      const place = longest.findIndex((name) => moduleId.endsWith(name));
      return place < 0 ? longest.length + projectOrder.indexOf(project.name) : place;
    };
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}

// The tests run as compiled: what is tested is what ships, worker threads included.
export default defineConfig({
  test: {
    // These find what hangs. The slowest tests take 40 seconds on a slow machine, and no test is about time.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    maxWorkers: 2,
    // Test files share a process: to import everything anew for each takes longer than the tests.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['packages/*/dist/**/*.test.js', '{bench,examples}/*.test.js'],
          exclude: ['**/*.gpu.test.js'],
        },
      },
      {
        // All laws hold on the definitions alone, too. What lies beneath operations, memory, threads and the assembler, is the same.
        extends: true,
        test: {
          name: 'reference',
          include: ['packages/{tensor,autograd,bnn}/dist/**/*.test.js'],
          exclude: ['**/*.gpu.test.js', '**/backends/**', '**/wasm/**', '**/*.wasm.test.js'],
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
