// Types for packages that come without any, as far as they are used here.

declare module 'picomatch' {
  interface Options {
    /** Whether paths have backslashes, which are then no escapes. */
    readonly windows?: boolean;
    /** Whether to ignore case. */
    readonly nocase?: boolean;
    /** Turns off negated patterns, such as !a. */
    readonly nonegate?: boolean;
    /** Turns off patterns such as @(a|b). */
    readonly noextglob?: boolean;
    /** False: [ab] does not match itself. */
    readonly literalBrackets?: boolean;
  }

  /** Makes a function that tests whether a path matches a glob. */
  export default function picomatch(glob: string, options: Options): (path: string) => boolean;
}

declare module 'get-pixels' {
  interface Pixels {
    readonly data: Uint8Array;
    readonly shape: readonly number[];
    readonly stride: readonly number[];
    readonly offset: number;
  }

  /**
   * Decodes to RGBA, shape [width, height, 4], or [frames, width, height, 4] for a GIF. `error` may be a string. It may
   * also throw, call back twice, throw later from an event, or never call back.
   */
  export default function getPixels(
    data: Buffer,
    mimeType: string,
    callback: (error: unknown, pixels: Pixels) => void,
  ): void;
}

declare module 'worker-threads-pool' {
  import type { Worker, WorkerOptions } from 'node:worker_threads';

  /** A semaphore: at most `max` workers exist at a time, and one that ends makes room for the next in line. */
  export default class Pool {
    constructor(options: { max: number });
    acquire(file: URL, options: WorkerOptions, callback: (error: Error | null, worker: Worker) => void): void;
  }
}
