import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import Semaphore from 'worker-threads-pool';
import type { CancelRequest, DecodeReply, DecodeRequest, Unreadable } from './decode-worker.js';
import { DataError, messageOf } from './errors.js';
import { type Image, type ImageInput, isInMemory } from './source.js';

/** Options of a `DecodePool`. */
export interface DecodePoolOptions {
  readonly workers: number;
  /** The shorter side that images are scaled to. */
  readonly side: number;
  /** Whether to refuse images that are not `side` × `side`. */
  readonly exactSize?: boolean;
  /** Whether to decode much larger images at a reduced size. Default: true. */
  readonly reduce?: boolean;
  readonly pixelLimit: number;
  /** CPU seconds that a decoder may take for an image. A slower decoder is broken, and the pool fails. */
  readonly cpuLimit: number;
  /** Called when an image takes unusually long. */
  readonly onWarning?: (message: string) => void;
  /** Called when a worker has loaded a decoder about which there is something to say. */
  readonly onNotice?: (notice: string) => void;
  /** @internal Replaces the program of the workers. */
  readonly workerUrl?: URL | undefined;
}

/** A pending request. */
export interface Decoding {
  /** The image, or what is wrong with it. Rejects with `DataError` if a worker crashes or the pool is closed. */
  readonly result: Promise<Image | Unreadable>;
  /** Tells the worker that the result is no longer needed. */
  cancel(): void;
}

/** Decodes and scales images ahead of time. */
export interface ImageDecoder {
  /** Messages call the image `name`. */
  decode(image: ImageInput, name: string): Decoding;
  close(): Promise<void>;
}

interface Job {
  readonly request: DecodeRequest;
  resolve(result: Image | Unreadable): void;
  reject(error: DataError): void;
}

/** A slot for a worker and its queue of jobs, of which it works on the first. */
interface Slot {
  worker: Worker | null;
  readonly jobs: Job[];
  /** The CPU time of the process, in seconds, when the decoder got the file of the first job. Null before that. */
  since: number | null;
}

const workerProgram = new URL('./decode-worker.js', import.meta.url);

/** A worker that waits for a pool. */
let early: Worker | null = null;

/**
 * Starts a worker that loads a decoder, and which the next pool takes. A program that reads a model first has its image
 * decoded sooner this way.
 */
export function startWorkerEarly(): void {
  new Semaphore({ max: 1 }).acquire(workerProgram, { name: workerName, workerData: 'load a decoder' }, (_, worker) => {
    early = worker;
    worker.unref();
  });
}

const workerName = 'mobinet decode';

/** Milliseconds between checks of the workers. */
const checkEvery = 1000;

/** The number of checks without any result after which a warning is given. */
const checksBeforeWarning = 60;

/**
 * Worker threads that decode images. Each is started once and kept. A request is sent immediately to the worker with
 * the shortest queue, so the workers never wait for this thread, which may be busy training.
 *
 * The size of an image is limited before it is decoded (`pixelLimit`), so only a bug in a decoder can take forever.
 * Wall-clock time cannot tell that from a machine that is busy or was suspended, so CPU time is measured, and of the
 * whole process: it is available everywhere, and a decoder may have threads of its own. Threads share the processors
 * evenly. So once the process has used the limit times the number of computing threads, a worker without a result has
 * used about the limit itself.
 */
export class DecodePool {
  readonly #slots: readonly Slot[];
  readonly #semaphore: Semaphore;
  readonly #watch: NodeJS.Timeout;
  /** The number of checks since the last result. */
  #checks = 0;
  #nextId = 0;
  #failure: DataError | null = null;

  constructor(readonly options: DecodePoolOptions) {
    this.#semaphore = new Semaphore({ max: options.workers });
    this.#slots = Array.from({ length: options.workers }, () => ({ worker: null, jobs: [], since: null }));
    for (const slot of this.#slots) this.#start(slot);
    // A result may have arrived while this thread was busy, so pending messages are delivered before the check.
    this.#watch = setInterval(() => setImmediate(() => this.#check()), Math.min(checkEvery, 1000 * options.cpuLimit));
    this.#watch.unref();
  }

  /** Decodes and scales an image. Messages call it `name`. */
  decode(image: ImageInput, name: string): Decoding {
    const { side, exactSize = false, reduce = true, pixelLimit } = this.options;
    const request: DecodeRequest = {
      id: this.#nextId++,
      image: forThread(image),
      name,
      side,
      exactSize,
      reduce,
      pixelLimit,
    };
    const slot = this.#slots.reduce((best, other) => (other.jobs.length < best.jobs.length ? other : best));
    const result = new Promise<Image | Unreadable>((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      slot.jobs.push({ request, resolve, reject });
      slot.worker?.ref();
      slot.worker?.postMessage(request);
    });
    // Images are requested ahead of time, so a failure must not count as unhandled before its result is awaited.
    result.catch(() => {});
    return { result, cancel: () => slot.worker?.postMessage({ cancel: request.id } satisfies CancelRequest) };
  }

  /** Ends the workers. Pending requests reject. */
  async close(): Promise<void> {
    await this.#fail(new DataError('the image loader is closed. Create a new one to read more images'));
  }

  #start(slot: Slot): void {
    const { workerUrl } = this.options;
    if (early && workerUrl === undefined) {
      this.#employ(slot, early);
      early = null;
    } else {
      this.#semaphore.acquire(workerUrl ?? workerProgram, { name: workerName }, (_, worker) =>
        this.#employ(slot, worker),
      );
    }
  }

  #employ(slot: Slot, worker: Worker): void {
    if (this.#failure) return void worker.terminate();
    slot.worker = worker;
    worker.on('message', (reply: DecodeReply) => {
      if (slot.jobs[0]?.request.id !== reply.id) return;
      if ('result' in reply) this.#settle(slot, reply.result);
      else if ('failure' in reply) void this.#fail(new DataError(reply.failure));
      else {
        slot.since = cpuSeconds();
        if (reply.notice) this.options.onNotice?.(reply.notice);
      }
    });
    worker.on('error', (error) => this.#crash(slot, worker, messageOf(error), error));
    worker.on('exit', (code) => this.#crash(slot, worker, `it exited with code ${code}`));
    for (const { request } of slot.jobs) worker.postMessage(request);
    // Only a worker with jobs keeps the program running.
    if (slot.jobs.length === 0) worker.unref();
    else worker.ref();
  }

  /** Completes the first job of a slot, since workers reply in order. */
  #settle(slot: Slot, result: Image | Unreadable): void {
    slot.jobs.shift()?.resolve(result);
    slot.since = null;
    this.#checks = 0;
    if (slot.jobs.length === 0) slot.worker?.unref();
  }

  /** Fails the pool if a worker has used more CPU time than any image takes, and warns of a long wait. */
  #check(): void {
    const { cpuLimit, workers, onWarning } = this.options;
    const limit = cpuLimit * (workers + availableParallelism());
    const busy = this.#slots.filter(({ jobs }) => jobs.length > 0);
    for (const { since, jobs } of busy) {
      if (since === null || cpuSeconds() - since <= limit) continue;
      const problem = `decoding ${jobs[0].request.name} took more than ${cpuLimit} s of CPU time, a bug in the decoder`;
      return void this.#fail(new DataError(`${problem}. Re-save the image with another program, or remove it`));
    }
    // Checks are counted rather than seconds, since a suspended program makes none. This only warns, since a slow disk
    // is no reason to skip an image.
    if (busy.length > 0 && ++this.#checks === checksBeforeWarning)
      onWarning?.(`still waiting for ${busy[0].jobs[0].request.name}`);
  }

  #crash(slot: Slot, worker: Worker, message: string, cause?: unknown): void {
    if (slot.worker !== worker) return;
    const where = slot.jobs.length > 0 ? ` on ${slot.jobs[0].request.name}` : '';
    const error = new DataError(`an image decoding thread crashed${where}: ${message}`, { cause });
    void this.#fail(error);
  }

  async #fail(error: DataError): Promise<void> {
    this.#failure ??= error;
    clearInterval(this.#watch);
    const workers = this.#slots.map(({ worker }) => worker);
    for (const slot of this.#slots) {
      slot.worker = null;
      for (const job of slot.jobs.splice(0)) job.reject(error);
    }
    await Promise.all(workers.map((worker) => worker?.terminate()));
  }
}

/** An image as it can be sent to a thread. */
function forThread(image: ImageInput): DecodeRequest['image'] {
  if (image instanceof URL) return { url: image.href };
  if (image instanceof Uint8Array) return withoutRest(image);
  return isInMemory(image) ? { ...image, pixels: withoutRest(image.pixels) } : image;
}

/** The same bytes without the rest of their buffer, since a message to a thread copies whole buffers. */
const withoutRest = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);

/** The CPU time used by all threads of this process, in seconds. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
