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
  /** An image that takes longer than this many milliseconds is given up. */
  readonly timeout: number;
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
  readonly name: string;
  resolve(result: Image | Unreadable): void;
  reject(error: DataError): void;
}

/** One place for a worker, and the jobs it was given: it works on the first. They outlive the worker if it hangs. */
interface Seat {
  worker: Worker | null;
  readonly jobs: Job[];
  timer: NodeJS.Timeout | undefined;
}

/**
 * Worker threads that decode images. Each is started once and kept. A request goes to the worker with the
 * fewest at once, and waits there: the workers need not wait for this thread, which may be busy training.
 */
export class DecodePool {
  readonly #seats: readonly Seat[];
  readonly #semaphore: Semaphore;
  #nextId = 0;
  #failure: DataError | null = null;

  constructor(readonly options: DecodePoolOptions) {
    this.#semaphore = new Semaphore({ max: options.workers });
    this.#seats = Array.from({ length: options.workers }, () => ({ worker: null, jobs: [], timer: undefined }));
    for (const seat of this.#seats) this.#start(seat);
  }

  /** Decodes and scales an image. `name` is for messages. */
  decode(image: string | Image, name: string): Decoding {
    const { side, exactSize = false, pixelLimit } = this.options;
    const request: DecodeRequest = { id: this.#nextId++, image, side, exactSize, pixelLimit };
    const seat = this.#seats.reduce((best, other) => (other.jobs.length < best.jobs.length ? other : best));
    const result = new Promise<Image | Unreadable>((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      seat.jobs.push({ request, name, resolve, reject });
      seat.worker?.ref();
      seat.worker?.postMessage(request);
      if (seat.jobs.length === 1) this.#watch(seat);
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
      worker.on('message', ({ id, result }: DecodeReply) => {
        // A worker that was given up may still have answered.
        if (seat.worker === worker && seat.jobs[0]?.request.id === id) this.#settle(seat, result);
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
    this.#watch(seat);
  }

  /** Gives the worker its time for the job that is now first. */
  #watch(seat: Seat): void {
    clearTimeout(seat.timer);
    const job = seat.jobs[0];
    if (job === undefined) {
      seat.worker?.unref();
      return;
    }
    seat.timer = setTimeout(() => {
      // The answer may have come while this thread was busy, and wait to be delivered: look once more after that.
      setImmediate(() => {
        if (seat.jobs[0] === job) this.#replace(seat);
      });
    }, this.options.timeout);
    seat.timer.unref();
  }

  /** Gives up the first job of a seat, and the worker that hangs in it. */
  #replace(seat: Seat): void {
    const hung = seat.worker;
    seat.worker = null;
    this.#settle(seat, { problem: `decoding it took longer than ${this.options.timeout / 1000} s` });
    void hung?.terminate();
    this.#start(seat);
  }

  #crash(seat: Seat, worker: Worker, message: string, cause?: unknown): void {
    if (seat.worker !== worker) return;
    const doing = seat.jobs.length > 0 ? ` at ${seat.jobs[0].name}` : '';
    const error = new DataError(`an image decoding thread crashed${doing}: ${message}`, { cause });
    void this.#fail(error);
  }

  async #fail(error: DataError): Promise<void> {
    this.#failure ??= error;
    const workers = this.#seats.map(({ worker }) => worker);
    for (const seat of this.#seats) {
      clearTimeout(seat.timer);
      seat.worker = null;
      for (const job of seat.jobs.splice(0)) job.reject(error);
    }
    await Promise.all(workers.map((worker) => worker?.terminate()));
  }
}
