import { Setting } from '../../setting.js';
import type { UnsharedBytes } from '../../unshared-bytes.js';
import { allocateRange, freeRange } from './heap.js';
import * as job from './job.js';
import { memoryBuffer, openMemory } from './memory.js';
import { helpersFailed, helpersFor, type LoadedKernel, shareKernel, threadCount } from './threads.js';

/** The words at the start of the memory that describe the current job, viewed as integers and as floats. */
export interface JobMemory {
  readonly words: Int32Array;
  readonly floats: Float32Array;
}

let memoryOfJobs: JobMemory | null = null;

export function jobMemory(): JobMemory {
  memoryOfJobs ??= {
    words: new Int32Array(memoryBuffer(), 0, job.endWord),
    floats: new Float32Array(memoryBuffer(), 0, job.endWord),
  };
  return memoryOfJobs;
}

let kernelCount = 0;

type KernelListener = (name: string, bytes: UnsharedBytes) => void;
let listener: KernelListener | null = null;

/**
 * Sets a callback for the module of every kernel that is loaded, for example to print it. Null removes it.
 *
 * @example
 * ```ts
 * import { zeros } from '@mobinet/tensor';
 * import { i32, Kernel, watchKernels } from '@mobinet/tensor/kernels';
 *
 * watchKernels((name, bytes) => console.log(`${name}, of fewer than 500 bytes: ${bytes.length < 500}`));
 * new Kernel('f32_example', { x: i32 }, () => {}).run({ x: zeros([1]) }, 1);
 * // → f32_example, of fewer than 500 bytes: true
 * watchKernels(null);
 * ```
 */
export function watchKernels(watch: KernelListener | null): void {
  listener = watch;
}

/** Compiles a kernel, and sends the compiled module to the helper threads. */
export function loadKernel(name: string, bytes: UnsharedBytes): LoadedKernel {
  listener?.(name, bytes);
  const module = new WebAssembly.Module(bytes);
  const { exports } = new WebAssembly.Instance(module, { env: { memory: openMemory() } });
  const kernel = { id: ++kernelCount, name, module, run: exports.run as (scratch: number) => void };
  shareKernel(kernel);
  return kernel;
}

/** The approximate minimum duration of a chunk: long compared with the overhead of a chunk. */
const chunkNanoseconds = 20_000;

/** The approximate maximum number of chunks per thread: enough that none waits long for the last chunk. */
const chunksPerThread = 8;

/**
 * Returns a good number of items per chunk, given the total and the approximate time per item.
 *
 * @param count The number of items.
 * @param nanosecondsPerItem A rough estimate is enough.
 *
 * @example
 * ```ts
 * import { setThreads } from '@mobinet/tensor';
 * import { chunksOf } from '@mobinet/tensor/kernels';
 *
 * await setThreads(1);
 * console.log(`${chunksOf(1000, 10)} items of 10 ns, ${chunksOf(1000, 50_000)} of 50 µs`);
 * // → 1000 items of 10 ns, 125 of 50 µs
 * ```
 */
export function chunksOf(count: number, nanosecondsPerItem: number): number {
  const fewest = Math.ceil(count / (chunksPerThread * threadCount()));
  return Math.max(1, Math.min(count, Math.max(fewest, Math.ceil(chunkNanoseconds / nanosecondsPerItem))));
}

/**
 * Runs a kernel, whose parameters have been written already, over `count` items.
 *
 * Helpers can join a job of several chunks: they see the generation change, join, and take chunks from a shared
 * counter, as this thread does. When no chunks are left, this thread closes the job and waits for the helpers that are
 * still working. A helper that comes too late sees that the generation has changed, and does nothing. Helpers that have
 * not joined are not waited for, so a thread that is still starting or sleeping costs no time.
 */
export function dispatch(kernel: LoadedKernel, count: number, grain: number, scratch: number): void {
  const { words } = jobMemory();
  const chunk = forcedGrain.current ?? Math.max(1, Math.floor(grain));
  const helping = chunk < count ? helpersFor(kernel.name) : 0;
  words[job.countWord] = count;
  words[job.grainWord] = helping > 0 || forcedGrain.current ? chunk : count;
  words[job.chunkWord] = 0;
  const ownScratch = scratch > 0 || helping > 0 ? provideScratch(words, scratch, helping + 1) : 0;
  if (helping === 0) {
    kernel.run(ownScratch);
    return;
  }
  words[job.kernelWord] = kernel.id;
  words[job.helpersWord] = helping;
  Atomics.add(words, job.generationWord, 1);
  if (Atomics.load(words, job.sleepingWord) > 0) Atomics.notify(words, job.generationWord);
  try {
    kernel.run(ownScratch);
  } finally {
    Atomics.add(words, job.generationWord, 1);
    waitForHelpers(kernel, words);
  }
}

let scratchAddress = 0;
let scratchThreads = 0;
let scratchStride = 0;

/**
 * Returns the address of this thread's scratch memory. The scratch memory of all threads is one range, which is kept
 * between kernels, and replaced by a larger one when a kernel needs more.
 */
function provideScratch(words: Int32Array, bytes: number, threads: number): number {
  if (bytes > scratchStride || threads > scratchThreads) {
    if (scratchThreads > 0) freeRange(scratchAddress, scratchStride * scratchThreads);
    scratchStride = Math.ceil(Math.max(bytes, scratchStride, 65536) / 4096) * 4096;
    scratchThreads = Math.max(threads, scratchThreads);
    scratchAddress = allocateRange(scratchStride * scratchThreads, 'scratch memory of kernels');
    words[job.scratchWord] = scratchAddress;
    words[job.scratchStrideWord] = scratchStride;
  }
  return scratchAddress;
}

/** The number of times to poll `activeWord` before sleeping. */
const spins = 20_000;

/** A helper that has not finished after this time is assumed to be dead or to hang. */
let timeoutMs = 20_000;

/** For tests: sets the time to wait for a helper. */
export function setHelperTimeout(milliseconds: number): void {
  timeoutMs = milliseconds;
}

const forcedGrain = new Setting<number | null>(null);

/** For tests: runs `body` with chunks of `grain` items in every kernel, to check that results do not depend on it. */
export function withGrain<T>(grain: number, body: () => T): T {
  return forcedGrain.during(grain, body);
}

function waitForHelpers(kernel: LoadedKernel, words: Int32Array): void {
  for (let i = 0; Atomics.load(words, job.activeWord) > 0; i++) {
    if (i < spins) continue;
    sleepUntilHelpersReturn(kernel, words);
  }
  const failed = Atomics.exchange(words, job.failedWord, 0);
  if (failed !== 0) throw helpersFailed(kernel.name, `failed in thread ${failed}`);
}

function sleepUntilHelpersReturn({ name }: LoadedKernel, words: Int32Array): void {
  let waited = 0;
  let last = performance.now();
  for (let active = 1; active > 0; active = Atomics.load(words, job.activeWord)) {
    if (maySleep) Atomics.wait(words, job.activeWord, active, 5);
    const now = performance.now();
    // If the computer was suspended, the clock jumps. That does not count as waiting.
    waited += Math.min(now - last, 100);
    last = now;
    if (waited > timeoutMs) {
      Atomics.store(words, job.activeWord, 0);
      throw helpersFailed(name, `a thread did not finish within ${timeoutMs / 1000} s: it has died or hangs`);
    }
  }
}

/** Whether this thread may sleep. The main thread of a web page may not, and has to keep polling. */
const maySleep = (() => {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
    return true;
  } catch {
    return false;
  }
})();
