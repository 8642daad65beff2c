import { Setting } from '../../setting.js';
import type { UnsharedBytes } from '../../unshared-bytes.js';
import { reserve, unreserve } from './heap.js';
import * as job from './job.js';
import { memoryBuffer, openMemory } from './memory.js';
import { helpersFailed, helpersFor, type LoadedKernel, shareKernel, threadCount } from './threads.js';

/** The words of a job lie at the start of the memory. They are read as whole numbers, and as floats. */
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

/** Lets somebody see each kernel's module when it is first needed: to print it, say. One at a time; null for nobody. */
export function watchKernels(watch: KernelListener | null): void {
  listener = watch;
}

/** Compiles a kernel, once: the threads get the compiled module. */
export function loadKernel(name: string, bytes: UnsharedBytes): LoadedKernel {
  listener?.(name, bytes);
  const module = new WebAssembly.Module(bytes);
  const { exports } = new WebAssembly.Instance(module, { env: { memory: openMemory() } });
  const kernel = { id: ++kernelCount, name, module, run: exports.run as (scratch: number) => void };
  shareKernel(kernel);
  return kernel;
}

/** A chunk takes at least about so long, which is long against what a chunk costs. */
const chunkNanoseconds = 20_000;

/** There are at most about so many chunks for each thread: enough that none waits long for the last. */
const chunksPerThread = 8;

/** How many of `count` items make a good chunk, if one takes about so many nanoseconds. */
export function chunksOf(count: number, nanosecondsPerItem: number): number {
  const fewest = Math.ceil(count / (chunksPerThread * threadCount()));
  return Math.max(1, Math.min(count, Math.max(fewest, Math.ceil(chunkNanoseconds / nanosecondsPerItem))));
}

/**
 * Runs a kernel, whose parameters are written already, over `count` items.
 *
 * A job that has several chunks is open to the helpers: they see the generation change, join, and take chunks off a common
 * counter, as this thread does itself. When there are none left, this thread closes the job and waits for those who are still
 * at work. A helper that comes too late finds the generation changed, and does nothing. Nobody is waited for who has not
 * joined: a thread that still starts, or sleeps, costs no time.
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

/** Scratch memory for so many threads; returns where this thread's is. It is kept, and replaced by more where it is too small. */
function provideScratch(words: Int32Array, bytes: number, threads: number): number {
  if (bytes > scratchStride || threads > scratchThreads) {
    if (scratchThreads > 0) unreserve(scratchAddress, scratchStride * scratchThreads);
    scratchStride = Math.ceil(Math.max(bytes, scratchStride, 65536) / 4096) * 4096;
    scratchThreads = Math.max(threads, scratchThreads);
    scratchAddress = reserve(scratchStride * scratchThreads, 'scratch memory of kernels');
    words[job.scratchWord] = scratchAddress;
    words[job.scratchStrideWord] = scratchStride;
  }
  return scratchAddress;
}

/** Looks at the number of active helpers this often before it sleeps. */
const spins = 20_000;

/** A helper that has not come back after this long is dead, or hangs. */
let patienceMs = 20_000;

/** For tests. */
export function setPatience(milliseconds: number): void {
  patienceMs = milliseconds;
}

const forcedGrain = new Setting<number | null>(null);

/** For tests: runs `body` with every kernel in chunks of so many items, to see that no result depends on them. */
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
    // A computer that was suspended wakes up much later: that was no waiting.
    waited += Math.min(now - last, 100);
    last = now;
    if (waited > patienceMs) {
      Atomics.store(words, job.activeWord, 0);
      throw helpersFailed(name, `was not finished by a thread within ${patienceMs / 1000} s: it has died, or hangs`);
    }
  }
}

/** The main thread of a web page may not sleep: it has to look on. */
const maySleep = (() => {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
    return true;
  } catch {
    return false;
  }
})();
