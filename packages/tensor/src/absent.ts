import type { BackendName } from './backend-name.js';
import { Block } from './block.js';
import { TraceError } from './errors.js';
import type { Synchronous } from './scope.js';
import { Setting } from './setting.js';

/** What tensors would take if they had memory, in bytes. */
export class MemoryTally {
  #now = 0;
  #peak = 0;
  #largest = 0;

  /** The most that they take at a time. */
  get peak(): number {
    return this.#peak;
  }

  /** What the largest of them takes. */
  get largest(): number {
    return this.#largest;
  }

  /** @internal What is taken and given back at once. */
  pass(bytes: number): void {
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

/** What stands for memory in a tensor that has a shape and no elements. */
export class AbsentBlock extends Block {
  readonly #bytes: number;
  readonly #tally: MemoryTally | null;

  /** @param bytes What the memory would take, for the tally. */
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
      'elements are read that are not there: those that depend on the inputs of a program while it is traced, and all of them ' +
        'in withoutMemory',
    );
  }

  protected override free(): void {
    this.#tally?.remove(this.#bytes);
  }
}

const tallied = new Setting<MemoryTally | null>(null);

/** Counts what new tensors would take, where they are made without memory; else null. */
export function absentMemory(): MemoryTally | null {
  return tallied.current;
}

/**
 * Runs `body` with new tensors that have shapes and no elements: no memory is taken, and nothing is calculated, as on PyTorch's
 * device `meta`. So a network can be looked at (`summary`) that is larger than this machine, and what a step of training takes can be told before it
 * is taken.
 *
 * ```ts
 * const costs = withoutMemory(() => summary(createMoBiNet({ width: 2 })));
 * ```
 *
 * @param body Gets the tally of what its tensors would take.
 * @throws TraceError where it reads elements.
 */
export function withoutMemory<T>(body: (tally: MemoryTally) => Synchronous<T>): T {
  const tally = new MemoryTally();
  const result = tallied.during(tally, () => body(tally) as T);
  if (result instanceof Promise) throw new TypeError('withoutMemory: the callback returned a promise. Await outside');
  return result;
}
