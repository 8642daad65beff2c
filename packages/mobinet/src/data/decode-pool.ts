import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import Semaphore from 'worker-threads-pool';
import type { CancelRequest, DecodeReply, DecodeRequest, Unreadable } from './decode-worker.js';
import { DataError, messageOf } from './errors.js';
import type { Image } from './source.js';

export interface DecodePoolOptions {
  readonly workers: number;
  /** Shorter side of the images that come back. */
  readonly side: number;
  /** Whether images of another size than `side` × `side` are refused. */
  readonly exactSize?: boolean;
  readonly pixelLimit: number;
  /** How many seconds of CPU time a decoder may take for an image. Whoever takes more is broken, and ends the work with an error. */
  readonly cpuLimit: number;
  /** Hears that an image is being waited for unusually long. */
  readonly onWarning?: (message: string) => void;
  /** @internal The program of the workers. */
  readonly workerUrl?: URL | undefined;
}

/** A request on its way. */
export interface Decoding {
  /** The image, or what is wrong with it. Rejects with `DataError` if a worker crashed or the pool was closed. */
  readonly result: Promise<Image | Unreadable>;
  /** Says that the result is no longer wanted. */
  cancel(): void;
}

interface Job {
  readonly request: DecodeRequest;
  resolve(result: Image | Unreadable): void;
  reject(error: DataError): void;
}

/** One place for a worker, and the jobs it was given: it works on the first. */
interface Seat {
  worker: Worker | null;
  readonly jobs: Job[];
  /** The CPU time of the process, in seconds, when the decoder got the file of the first job. Null before that. */
  since: number | null;
}

/** How often seats are looked at, in milliseconds, and after how many looks without an answer it is said that one is waited for. */
const lookEvery = 1000;
const looksBeforeWarning = 60;

/**
 * Worker threads that decode images. Each is started once and kept. A request goes to the worker with the
 * fewest at once, and waits there: the workers need not wait for this thread, which may be busy training.
 *
 * The size of an image is limited before it is decoded (`pixelLimit`), so only a fault in a decoder can take for ever. A clock on
 * the wall cannot tell that from a machine that is busy or was suspended, so CPU time is counted: of the whole process, as that is
 * known everywhere and a decoder may have threads of its own. Threads share the processors alike, so that a worker which still has no
 * answer when the process has used the limit times all threads that compute has had about the limit for itself.
 */
export class DecodePool {
  readonly #seats: readonly Seat[];
  readonly #semaphore: Semaphore;
  readonly #watch: NodeJS.Timeout;
  /** How often the seats were looked at since the last answer. */
  #looks = 0;
  #nextId = 0;
  #failure: DataError | null = null;

  constructor(readonly options: DecodePoolOptions) {
    this.#semaphore = new Semaphore({ max: options.workers });
    this.#seats = Array.from({ length: options.workers }, () => ({ worker: null, jobs: [], since: null }));
    for (const seat of this.#seats) this.#start(seat);
    // An answer may have come while this thread was busy, and wait to be delivered: look after that.
    this.#watch = setInterval(() => setImmediate(() => this.#look()), Math.min(lookEvery, 1000 * options.cpuLimit));
    this.#watch.unref();
  }

  /** Decodes and scales an image. `name` is for messages. */
  decode(image: string | Image, name: string): Decoding {
    const { side, exactSize = false, pixelLimit } = this.options;
    const request: DecodeRequest = { id: this.#nextId++, image, name, side, exactSize, pixelLimit };
    const seat = this.#seats.reduce((best, other) => (other.jobs.length < best.jobs.length ? other : best));
    const result = new Promise<Image | Unreadable>((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      seat.jobs.push({ request, resolve, reject });
      seat.worker?.ref();
      seat.worker?.postMessage(request);
    });
    // Images are asked for ahead of time: a failure must wait for somebody to look.
    result.catch(() => {});
    return { result, cancel: () => seat.worker?.postMessage({ cancel: request.id } satisfies CancelRequest) };
  }

  /** Ends the workers. What is still on its way rejects. */
  async close(): Promise<void> {
    await this.#fail(new DataError('the image loader was closed. Make another to read on.'));
  }

  #start(seat: Seat): void {
    const url = this.options.workerUrl ?? new URL('./decode-worker.js', import.meta.url);
    this.#semaphore.acquire(url, { name: 'mobinet decode' }, (_, worker) => {
      if (this.#failure) return void worker.terminate();
      seat.worker = worker;
      worker.on('message', (reply: DecodeReply) => {
        if (seat.jobs[0]?.request.id !== reply.id) return;
        if ('result' in reply) this.#settle(seat, reply.result);
        else if ('failure' in reply) void this.#fail(new DataError(reply.failure));
        else seat.since = cpuSeconds();
      });
      worker.on('error', (error) => this.#crash(seat, worker, messageOf(error), error));
      worker.on('exit', (code) => this.#crash(seat, worker, `it ended with exit code ${code}`));
      for (const { request } of seat.jobs) worker.postMessage(request);
      // Only a worker with something to do keeps the program running.
      if (seat.jobs.length === 0) worker.unref();
    });
  }

  /** Ends the first job of a seat: workers answer in order. */
  #settle(seat: Seat, result: Image | Unreadable): void {
    seat.jobs.shift()?.resolve(result);
    seat.since = null;
    this.#looks = 0;
    if (seat.jobs.length === 0) seat.worker?.unref();
  }

  /** Looks for a worker that has had more CPU time than any image takes. */
  #look(): void {
    const { cpuLimit, workers, onWarning } = this.options;
    const limit = cpuLimit * (workers + availableParallelism());
    const busy = this.#seats.filter(({ jobs }) => jobs.length > 0);
    for (const { since, jobs } of busy) {
      if (since === null || cpuSeconds() - since <= limit) continue;
      const problem = `decoding ${jobs[0].request.name} took more than ${cpuLimit} s of CPU time, which is a fault of the decoder`;
      return void this.#fail(new DataError(`${problem}. Save the image anew with another program, or take it away`));
    }
    // Looks are counted, as a suspended program has none. It may be a disk that is slow: that is no reason to go on without an image.
    if (busy.length > 0 && ++this.#looks === looksBeforeWarning)
      onWarning?.(`still waiting for ${busy[0].jobs[0].request.name}`);
  }

  #crash(seat: Seat, worker: Worker, message: string, cause?: unknown): void {
    if (seat.worker !== worker) return;
    const doing = seat.jobs.length > 0 ? ` at ${seat.jobs[0].request.name}` : '';
    const error = new DataError(`an image decoding thread crashed${doing}: ${message}`, { cause });
    void this.#fail(error);
  }

  async #fail(error: DataError): Promise<void> {
    this.#failure ??= error;
    clearInterval(this.#watch);
    const workers = this.#seats.map(({ worker }) => worker);
    for (const seat of this.#seats) {
      seat.worker = null;
      for (const job of seat.jobs.splice(0)) job.reject(error);
    }
    await Promise.all(workers.map((worker) => worker?.terminate()));
  }
}

/** CPU time that all threads of this process have had, in seconds. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
