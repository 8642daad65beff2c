/** Numbers that are exchanged: any typed array, also one over the memory of a tensor. */
export type Buffer = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array;

/** An exchange that goes on while the program does something else. Its buffers must be left alone until it is done. */
export interface PendingExchange {
  /** Waits for the exchange. */
  wait(): void;
  /** Lets the exchange make progress, and says whether it is done. Most MPI libraries only work while they are called. */
  poll(): boolean;
}

/**
 * The processes that train together, which MPI calls ranks. All of them must call the same methods in the same order,
 * with buffers of the same sizes; each call waits for the others.
 */
export interface Communicator {
  /** The number of this process, from 0. */
  readonly rank: number;
  /** The number of processes. */
  readonly size: number;
  /** What carries the messages, such as `Open MPI v4.1.4`. */
  readonly library: string;
  /** Overwrites the buffer of every rank by that of rank 0. */
  broadcast(buffer: Buffer): void;
  /**
   * Hands everybody the buffers of all ranks.
   *
   * @param own The buffer of this rank.
   * @param all Receives the buffers in the order of the ranks. Its length is `size · own.length`.
   */
  allGather<B extends Buffer>(own: B, all: B): void;
  /** Hands rank 0 the buffers of all ranks, in their order. @param all Only rank 0 needs it. */
  gather<B extends Buffer>(own: B, all: B | null): void;
  /**
   * Sends block r of `send` to rank r, and receives one block from each, in the order of the ranks. Both consist of
   * `size` blocks of the same length.
   */
  allToAll<B extends Buffer>(send: B, receive: B): void;
  /** Begins an `allGather`. */
  startAllGather<B extends Buffer>(own: B, all: B): PendingExchange;
  /** Begins an `allToAll`. */
  startAllToAll<B extends Buffer>(send: B, receive: B): PendingExchange;
  /** Waits until all ranks have come this far. */
  barrier(): void;
  /** Ends the program on all ranks at once, without saving anything. */
  abort(exitCode: number): never;
  /** Ends the communication of this rank, which must have no exchange left. Further calls are errors. */
  close(): void;
}

/**
 * The only process, for programs that were not started by MPI.
 *
 * @example
 * ```ts
 * import { alone } from 'mobinet';
 *
 * console.log(`rank ${alone.rank} of ${alone.size}`);
 * // → rank 0 of 1
 * ```
 */
export const alone: Communicator = {
  rank: 0,
  size: 1,
  library: 'none',
  broadcast() {},
  allGather: copy,
  gather: (own, all) => copy(own, all!),
  allToAll: copy,
  startAllGather: startCopy,
  startAllToAll: startCopy,
  barrier() {},
  abort: (exitCode) => process.exit(exitCode),
  close() {},
};

function copy<B extends Buffer>(from: B, to: B): void {
  to.set(from);
}

function startCopy<B extends Buffer>(from: B, to: B): PendingExchange {
  copy(from, to);
  return { wait() {}, poll: () => true };
}
