import type { BackendName } from './backend-name.js';
import { Block } from './block.js';
import { checkFunction, refusePromise } from './check.js';
import { TraceError } from './errors.js';
import type { Synchronous } from './scope.js';
import { Setting } from './setting.js';

/**
 * The memory that tensors without memory would use, in bytes: see `withoutMemory`.
 *
 * @example
 * ```ts
 * import { tidy, withoutMemory, zeros } from '@mobinet/tensor';
 *
 * withoutMemory((tally) => {
 *   tidy(() => [zeros([1000]), zeros([1000])]);
 *   console.log(`peak ${tally.peak} bytes, largest ${tally.largest} bytes`);
 * });
 * // → peak 8000 bytes, largest 4000 bytes
 * ```
 */
export class MemoryTally {
  #now = 0;
  #peak = 0;
  #largest = 0;

  /** The peak of their total size. */
  get peak(): number {
    return this.#peak;
  }

  /** The size of the largest tensor. */
  get largest(): number {
    return this.#largest;
  }

  /** @internal Counts scratch memory, which is allocated and freed within one call. */
  addTemporary(bytes: number): void {
    this.#peak = Math.max(this.#peak, this.#now + bytes);
  }

  /** @internal */
  add(bytes: number): void {
    this.#now += bytes;
    this.#peak = Math.max(this.#peak, this.#now);
    this.#largest = Math.max(this.#largest, bytes);
  }

  /** @internal */
  remove(bytes: number): void {
    this.#now -= bytes;
  }
}

/** Stands in for the memory of a tensor that has a shape but no elements. */
export class AbsentBlock extends Block {
  readonly #bytes: number;
  readonly #tally: MemoryTally | null;

  /** @param bytes The size that the memory would have, for the tally. */
  constructor(
    override readonly backend: BackendName = 'cpu',
    bytes = 0,
    tally: MemoryTally | null = null,
  ) {
    super(0);
    this.#bytes = bytes;
    this.#tally = tally;
    tally?.add(bytes);
  }

  override get address(): number {
    throw new TraceError(
      'a tensor without memory has no elements to read: it depends on the inputs of a traced function, or was created in ' +
        'withoutMemory',
    );
  }

  protected override free(): void {
    this.#tally?.remove(this.#bytes);
  }
}

const tallied = new Setting<MemoryTally | null>(null);

/** The tally of new tensors inside `withoutMemory`; null outside. */
export function absentMemory(): MemoryTally | null {
  return tallied.current;
}

/**
 * Runs `body` with new tensors that have shapes but no elements, like PyTorch's `meta` device: nothing is allocated,
 * and no kernel runs. This makes it possible to inspect a network larger than this machine (`summary`), or to predict
 * the memory of a training step.
 *
 * @param body Receives the tally of the memory that its tensors would use.
 * @throws TraceError if `body` reads elements.
 * @throws TypeError if `body` returns a promise.
 *
 * @example
 * ```ts
 * import { matmul, withoutMemory, zeros } from '@mobinet/tensor';
 *
 * const [shape, gibibytes] = withoutMemory((tally) => {
 *   const { shape } = matmul(zeros([2 ** 17, 2 ** 17]), zeros([2 ** 17, 2 ** 17]));
 *   return [shape, tally.peak / 2 ** 30];
 * });
 * console.log(`[${shape}] without the ${gibibytes} GiB that it takes`);
 * // → [131072,131072] without the 192 GiB that it takes
 * ```
 */
export function withoutMemory<T>(body: (tally: MemoryTally) => Synchronous<T>): T {
  checkFunction('withoutMemory', body);
  const tally = new MemoryTally();
  const result = tallied.during(tally, () => body(tally) as T);
  refusePromise('withoutMemory', result);
  return result;
}
