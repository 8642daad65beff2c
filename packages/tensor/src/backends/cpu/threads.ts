import { isNode } from '../../environment.js';
import { KernelError } from '../../errors.js';
import { openMemory, type SharedMemory, threadsMayShare } from './memory.js';

/** A compiled kernel. Threads know it by its number. */
export interface LoadedKernel {
  readonly id: number;
  readonly name: string;
  /** A `WebAssembly.Module`. */
  readonly module: object;
  readonly run: (scratch: number) => void;
}

/**
 * The threads that help with kernels. They start when the first kernel has work for several, and stay until the program ends,
 * which they do not hinder. Where memory cannot be shared there are none, and kernels run on one thread.
 */
interface Helper {
  post(message: HelperMessage): void;
  stop(): void;
}

/** Hears why a helper has ended, and whether it was ever there: then it may have taken part of a result with it. */
type OnEnd = (reason: string, hasLived: boolean) => void;

/** What a helper is told: once where it works, then of kernels, those that there are already at once. */
export type HelperMessage =
  | { readonly memory: SharedMemory; readonly index: number }
  | { readonly kernels: readonly { readonly id: number; readonly module: object }[] };

/** Threads in all, this one included. Null: as many as there are processors. */
let wanted: number | null = null;
let started = 0;
let helperList: Helper[] = [];
/** A promise for each helper of this team that it has started. */
let starts: Promise<void>[] = [];
let fault: string | null = null;
/** Counts up when helpers are given up, so that what their successors say is not mixed up with theirs. */
let team = 0;

const kernels: LoadedKernel[] = [];

/**
 * Sets how many threads kernels run on, this one included; the default is one for each processor. No result depends on it.
 * Where memory cannot be shared, as on a web page that is not cross-origin isolated, there is one, whatever is asked for.
 *
 * @returns When the threads are started. There is no need to wait: those that do not run yet do not take part. Where one
 * cannot be started there is one thread, and a warning on the console; one that dies later is an error of the next kernel.
 * @throws RangeError unless `threads` is a whole number of at least 1.
 */
export async function setThreads(threads: number): Promise<void> {
  if (!Number.isSafeInteger(threads) || threads < 1) {
    throw new RangeError(`setThreads: the number of threads must be a whole number of at least 1, not ${threads}`);
  }
  // A helper that has died unnoticed is replaced, too.
  if (fault !== null) dismissHelpers();
  wanted = threads;
  await startHelpers();
}

/** How many threads kernels may run on, this one included. */
export function threadCount(): number {
  return threadsMayShare ? (wanted ?? processors()) : 1;
}

/** How many helpers may join a job now. Starts them at the first call. @throws KernelError if one has died. */
export function helpersFor(kernel: string): number {
  if (fault !== null) throw helpersFailed(kernel, fault);
  const most = threadCount() - 1;
  if (most > started) void startHelpers();
  return Math.min(most, helperList.length);
}

/** A new kernel, for all helpers, present and to come. */
export function shareKernel(kernel: LoadedKernel): void {
  kernels.push(kernel);
  for (const helper of helperList) helper.post(newsOf([kernel]));
}

const newsOf = (kernels: readonly LoadedKernel[]): HelperMessage => ({
  kernels: kernels.map(({ id, module }) => ({ id, module })),
});

/** What follows, if helpers cannot be started, runs on this thread alone: slower, and right. */
function goOnAlone(reason: string): void {
  dismissHelpers();
  wanted = 1;
  console.warn(`kernels run on one thread, since no other can be started: ${reason}`);
}

/** Gives up all helpers, one of which failed. The error for whoever needed them. */
export function helpersFailed(kernel: string, problem: string): KernelError {
  dismissHelpers();
  // What follows, if anything does, runs on this thread alone.
  wanted = 1;
  return new KernelError(`kernel ${kernel}: ${problem}. Its result is lost; setThreads(n) starts threads anew.`);
}

function dismissHelpers(): void {
  for (const helper of helperList) helper.stop();
  helperList = [];
  starts = [];
  team++;
  fault = null;
  started = 0;
}

/** When all helpers are there, those that an earlier call has begun to start as well. */
async function startHelpers(): Promise<void> {
  while (started < threadCount() - 1) starts.push(startHelper(++started));
  await Promise.all(starts);
}

async function startHelper(index: number): Promise<void> {
  const ownTeam = team;
  const isPresent = () => ownTeam === team;
  const onEnd: OnEnd = (reason, hasLived) => {
    if (!isPresent()) return;
    if (hasLived) fault ??= `thread ${index} has died (${reason})`;
    else goOnAlone(reason);
  };
  try {
    const helper = await (isNode ? startNodeHelper(onEnd) : startWebHelper(onEnd));
    if (!isPresent()) return helper.stop();
    helper.post({ memory: openMemory(), index });
    helper.post(newsOf(kernels));
    helperList.push(helper);
  } catch (error) {
    onEnd((error as Error).message, false);
  }
}

function processors(): number {
  if (isNode) return process.getBuiltinModule('node:os').availableParallelism();
  return (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ?? 1;
}

type Pool = {
  acquire(
    file: string,
    options: import('node:worker_threads').WorkerOptions,
    callback: (error: Error | null, worker: import('node:worker_threads').Worker) => void,
  ): void;
};

const helperOptions = {
  // A helper holds compiled kernels and little else.
  resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32 },
  // Flags of the program are not for it: with those of `node --input-type=module -e …` it would not start, and not say so.
  execArgv: [],
};

let pool: Pool | null = null;

/** One thread from worker-threads-pool, which starts one for each acquisition. It is kept for good. */
function startNodeHelper(onEnd: OnEnd): Promise<Helper> {
  // Modules of Node are asked for here and not imported: the web has none.
  const fromHere = process.getBuiltinModule('node:module').createRequire(import.meta.url);
  const WorkerPool = fromHere('worker-threads-pool') as new (options: { max: number }) => Pool;
  pool ??= new WorkerPool({ max: Number.POSITIVE_INFINITY });
  return new Promise((resolve, reject) => {
    pool!.acquire(fromHere.resolve('./helper.js'), helperOptions, (error, worker) => {
      if (error) return reject(error);
      let hasLived = false;
      worker.once('online', () => {
        hasLived = true;
      });
      worker.on('error', ({ message }) => onEnd(message, hasLived));
      worker.on('exit', (code) => onEnd(`exit code ${code}`, hasLived));
      worker.unref();
      resolve({ post: (message) => worker.postMessage(message), stop: () => void worker.terminate() });
    });
  });
}

async function startWebHelper(onEnd: OnEnd): Promise<Helper> {
  // Bundlers find the file of the helpers by exactly this form.
  const worker = new Worker(new URL('./helper.js', import.meta.url), { type: 'module' });
  // Browsers say nothing more about a script that cannot be loaded, for example because a bundler left it out.
  worker.onerror = ({ message }) => onEnd(message ?? 'its script, helper.js, cannot be loaded', message !== undefined);
  return { post: (message) => worker.postMessage(message), stop: () => worker.terminate() };
}
