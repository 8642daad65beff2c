import { open } from 'node:fs/promises';
import { DataError, unreadable } from '../data/errors.js';
import type { Chunk, ReadPlan } from './read-plan.js';
import { copyAgain } from './tar-members.js';

/** Reads `bytes` bytes of a shard from `start` on. */
export async function readPart({ path, start, bytes }: Pick<Chunk, 'path' | 'start' | 'bytes'>): Promise<Buffer> {
  try {
    const file = await open(path);
    try {
      const buffer = Buffer.alloc(bytes);
      for (let done = 0; done < bytes; ) {
        const { bytesRead } = await file.read(buffer, done, bytes - done, start + done);
        if (bytesRead === 0) throw new DataError(`the shard ${path} ends at byte ${start + done}. ${copyAgain}`);
        done += bytesRead;
      }
      return buffer;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw error instanceof DataError ? error : unreadable(error, path, 'shard');
  }
}

/**
 * Reads the chunks of a pass ahead of their use, one after the other. It holds the window that is being used and the
 * next one, so its memory does not grow with the shards, and the disk is busy while images are decoded.
 */
export class WindowReader {
  readonly #chunks: readonly Chunk[];
  readonly #plan: ReadPlan;
  readonly #windowOf: Uint32Array;
  #held = new Map<number, Promise<Buffer>>();
  #window = -1;
  /** The last of the reads that have been requested. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(chunks: readonly Chunk[], plan: ReadPlan) {
    this.#chunks = chunks;
    this.#plan = plan;
    this.#windowOf = new Uint32Array(chunks.length);
    for (const [window, members] of plan.windows.entries()) {
      for (const chunk of members) this.#windowOf[chunk] = window;
    }
  }

  /** The bytes of a chunk. Chunks are requested in the order of the plan's windows, from any window on. */
  read(chunk: number): Promise<Buffer> {
    this.#enter(this.#windowOf[chunk]);
    return this.#held.get(chunk)!;
  }

  #enter(window: number): void {
    if (window === this.#window) return;
    this.#window = window;
    const before = this.#held;
    this.#held = new Map();
    for (const chunk of this.#plan.windows.slice(window, window + 2).flat()) {
      this.#held.set(chunk, before.get(chunk) ?? this.#readNext(chunk));
    }
  }

  #readNext(chunk: number): Promise<Buffer> {
    const reading = this.#last.then(() => readPart(this.#chunks[chunk]));
    // A failed read is reported to whoever needs the chunk, and does not prevent others.
    this.#last = reading.catch(() => {});
    return reading;
  }
}
