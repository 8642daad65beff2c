import { isNode } from '../../environment.js';
import { KernelError } from '../../errors.js';
import { withHelp } from '../../help.js';
import { openMemory, type SharedMemory, threadsMayShare } from './memory.js';

/** A compiled kernel. Threads refer to it by its id. */
export interface LoadedKernel {
  readonly id: number;
  readonly name: string;
  /** A `WebAssembly.Module`. */
  readonly module: object;
  readonly run: (scratch: number) => void;
}

// Helper threads run kernels together with this thread. They start with the first kernel that has work for several
// threads and stay until the program ends, without keeping it alive. Where memory cannot be shared there are none, and
// kernels run on one thread.

/** A helper thread: a worker thread of Node, or a web worker. */
interface Helper {
  post(message: HelperMessage): void;
  stop(): void;
}

/** Called when a helper ends. If it had ever run (`hasLived`), part of a result may be lost with it. */
type OnEnd = (reason: string, hasLived: boolean) => void;

/** A message to a helper: first the memory that it works on, then kernels, starting with those that already exist. */
export type HelperMessage =
  | { readonly memory: SharedMemory; readonly index: number }
  | { readonly kernels: readonly { readonly id: number; readonly module: object }[] };

/** The total number of threads, including this one. Null means one per processor. */
let requested: number | null = null;
let started = 0;
let helperList: Helper[] = [];
/** For each helper of this team, a promise that it has started. */
let starts: Promise<void>[] = [];
let fault: string | null = null;
/** Incremented when the helpers are dismissed, so that their late messages are not mistaken for their successors'. */
let team = 0;

const kernels: LoadedKernel[] = [];

/**
 * Sets the number of threads that kernels run on, including this one. The default is one per processor. Results do not
 * depend on it. Where memory cannot be shared, as on a web page that is not cross-origin isolated, there is always one.
 *
 * If no other thread can run, kernels run on one thread, and the console shows a warning. If one dies later, the
 * next kernel throws an error.
 *
 * @returns A promise that resolves when all threads have started. Waiting is not necessary: until then, kernels run
 * without the missing ones.
 * @throws RangeError unless `threads` is an integer of at least 1.
 *
 * @example
 * ```ts
 * import { setThreads, threadCount } from '@mobinet/tensor';
 *
 * await setThreads(2);
 * console.log(threadCount());
 * // → 2
 * await setThreads(1);
 * ```
 */
export async function setThreads(threads: number): Promise<void> {
  if (!Number.isSafeInteger(threads) || threads < 1) {
    throw new RangeError(`setThreads: the number of threads must be a whole number of at least 1, not ${threads}`);
  }
  // Also replaces a helper that died without any kernel noticing.
  if (fault !== null) dismissHelpers();
  requested = threads;
  if (threads > 1 && !threadsMayShare) warnOfOneThread('the page is not cross-origin isolated');
  await startHelpers();
}

/**
 * Returns the number of threads that kernels may run on, including this one.
 *
 * @example
 * ```ts
 * import { threadCount } from '@mobinet/tensor';
 *
 * console.log(threadCount() >= 1);
 * // → true
 * ```
 */
export function threadCount(): number {
  return threadsMayShare ? (requested ?? processors()) : 1;
}

/** The number of helpers that may join a job now. The first call starts them. @throws KernelError if one has died. */
export function helpersFor(kernel: string): number {
  if (fault !== null) throw helpersFailed(kernel, fault);
  const max = threadCount() - 1;
  if (max > started) void startHelpers();
  return Math.min(max, helperList.length);
}

/** Makes a kernel known to all present and future helpers. */
export function shareKernel(kernel: LoadedKernel): void {
  kernels.push(kernel);
  for (const helper of helperList) helper.post(messageFor([kernel]));
}

/** The names of all kernels that have been loaded. */
export const loadedKernels = (): string[] => kernels.map(({ name }) => name);

const messageFor = (kernels: readonly LoadedKernel[]): HelperMessage => ({
  kernels: kernels.map(({ id, module }) => ({ id, module })),
});

/** Falls back to this thread if helpers cannot be started: slower, but still correct. */
function continueAlone(reason: string): void {
  dismissHelpers();
  requested = 1;
  warnOfOneThread(`no other could be started: ${reason}`);
}

function warnOfOneThread(reason: string): void {
  console.warn(withHelp(`kernels run on one thread, because ${reason}`, 'one-thread'));
}

/** Dismisses all helpers after one has failed. Returns the error for the kernel that needed them. */
export function helpersFailed(kernel: string, problem: string): KernelError {
  dismissHelpers();
  // If the program continues, it runs on this thread alone.
  requested = 1;
  return new KernelError(`kernel ${kernel}: ${problem}. The result is lost. setThreads(n) restarts the threads.`);
}

function dismissHelpers(): void {
  for (const helper of helperList) helper.stop();
  helperList = [];
  starts = [];
  team++;
  fault = null;
  started = 0;
}

/** Starts the missing helpers. Resolves when all are running, including those that an earlier call is starting. */
async function startHelpers(): Promise<void> {
  while (started < threadCount() - 1) starts.push(startHelper(++started));
  await Promise.all(starts);
}

async function startHelper(index: number): Promise<void> {
  const ownTeam = team;
  const isCurrent = () => ownTeam === team;
  const onEnd: OnEnd = (reason, hasLived) => {
    if (!isCurrent()) return;
    if (hasLived) fault ??= `thread ${index} has died (${reason})`;
    else continueAlone(reason);
  };
  try {
    const helper = await (isNode ? startNodeHelper(onEnd) : startWebHelper(onEnd));
    if (!isCurrent()) return helper.stop();
    helper.post({ memory: openMemory(), index });
    helper.post(messageFor(kernels));
    helperList.push(helper);
  } catch (error) {
    onEnd((error as Error).message, false);
  }
}

let processorCount = 0;

/** The number of processors. It is asked for once, since that takes the system longer than many a kernel runs. */
function processors(): number {
  processorCount ||= isNode
    ? process.getBuiltinModule('node:os').availableParallelism()
    : ((globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ?? 1);
  return processorCount;
}

type Pool = {
  acquire(
    file: string,
    options: import('node:worker_threads').WorkerOptions,
    callback: (error: Error | null, worker: import('node:worker_threads').Worker) => void,
  ): void;
};

const helperOptions = {
  // A helper needs little memory beyond its compiled kernels.
  resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32 },
  // Do not inherit the program's flags: with those of `node --input-type=module -e …` a worker silently fails to start.
  execArgv: [],
};

let pool: Pool | null = null;

/** Starts a thread with worker-threads-pool, which creates one per acquisition. It is never given back. */
function startNodeHelper(onEnd: OnEnd): Promise<Helper> {
  // Node's modules are loaded here instead of imported, because they do not exist on the web.
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
  // Bundlers recognize the worker file by exactly this expression.
  const worker = new Worker(new URL('./helper.js', import.meta.url), { type: 'module' });
  // If a script cannot be loaded, for example because a bundler left it out, browsers report an error without a
  // message.
  worker.onerror = ({ message }) => onEnd(message ?? 'its script, helper.js, cannot be loaded', message !== undefined);
  return { post: (message) => worker.postMessage(message), stop: () => worker.terminate() };
}
