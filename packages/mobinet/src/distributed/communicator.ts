import { checkAllGather, checkAllToAll, checkGather, type Ranks } from './check-buffers.js';
import type { ExchangeBuffer } from './exchange-buffer.js';

/** An exchange that goes on while the program does something else. Its buffers must be left alone until it is done. */
export interface PendingExchange {
  /**
   * Waits for the exchange. Does nothing if it is done.
   * @throws CommunicationError if it fails.
   */
  wait(): void;
  /**
   * Lets the exchange make progress, and says whether it is done. Most MPI libraries only work while they are called.
   * @throws CommunicationError if it fails.
   */
  poll(): boolean;
}

/**
 * The processes that train together, which MPI calls ranks. All of them must call the same methods in the same order,
 * with buffers of the same sizes; each call waits for the others. Every rank may send at most 2³¹ − 1 bytes at once, and
 * buffers must not overlap, unless a method says so. All methods throw a `CommunicationError` for buffers that do not
 * fit, and if the exchange fails.
 */
export interface Communicator {
  /** The number of this process, from 0. */
  readonly rank: number;
  /** The number of processes. */
  readonly size: number;
  /** What carries the messages, such as `Open MPI v4.1.4`. */
  readonly library: string;
  /** Overwrites the buffer of every rank by that of rank 0. */
  broadcast(buffer: ExchangeBuffer): void;
  /**
   * Hands everybody the buffers of all ranks.
   *
   * @param own The buffer of this rank. It may be the block of `all` that belongs to this rank, which saves a copy.
   * @param all Receives the buffers in the order of the ranks. Its length is `size · own.length`.
   */
  allGather<B extends ExchangeBuffer>(own: B, all: B): void;
  /**
   * Hands rank 0 the buffers of all ranks.
   *
   * @param own The buffer of this rank.
   * @param all Receives the buffers in the order of the ranks. Only rank 0 needs it; the others may pass null.
   */
  gather<B extends ExchangeBuffer>(own: B, all: B | null): void;
  /**
   * Sends block r of `send` to rank r, and receives one block from each, in the order of the ranks. Both consist of
   * `size` blocks of the same length.
   */
  allToAll<B extends ExchangeBuffer>(send: B, receive: B): void;
  /** Begins an `allGather`. */
  startAllGather<B extends ExchangeBuffer>(own: B, all: B): PendingExchange;
  /** Begins an `allToAll`. */
  startAllToAll<B extends ExchangeBuffer>(send: B, receive: B): PendingExchange;
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
  allGather,
  gather(own, all) {
    checkGather(own, all, onlyOne);
    all!.set(own);
  },
  allToAll,
  startAllGather(own, all) {
    allGather(own, all);
    return finished;
  },
  startAllToAll(send, receive) {
    allToAll(send, receive);
    return finished;
  },
  barrier() {},
  abort: (exitCode) => process.exit(exitCode),
  close() {},
};

const onlyOne: Ranks = {
  rank: 0,
  size: 1,
  distance: (a, b) => (a.buffer === b.buffer ? b.byteOffset - a.byteOffset : Number.NaN),
};

function allGather<B extends ExchangeBuffer>(own: B, all: B): void {
  checkAllGather(own, all, onlyOne);
  all.set(own);
}

function allToAll<B extends ExchangeBuffer>(send: B, receive: B): void {
  checkAllToAll(send, receive, onlyOne);
  receive.set(send);
}

const finished: PendingExchange = { wait() {}, poll: () => true };
