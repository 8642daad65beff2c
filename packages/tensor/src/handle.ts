/// <reference lib="esnext.disposable" preserve="true" />
import type { BackendName } from './backend-name.js';
import type { Block } from './block.js';
import { DisposedError } from './errors.js';
import { forgetLeak, nameLeak, watchForLeak } from './leaks.js';
import { enterScope, leaveScope } from './scope.js';
import { formatShape, type Shape, sizeOf } from './shape.js';

let nextId = 1;

/**
 * What `Tensor` and `BitTensor` share: a shape, and a reference to a block of memory.
 * Several handles may share a block (views do); it is freed when the last of them is disposed.
 */
export abstract class Handle {
  /** @internal */
  readonly isTensorHandle = true;

  #label: string | undefined;
  #block: Block | null;

  /** Takes over one reference to `block`. */
  protected constructor(
    readonly shape: Shape,
    block: Block,
    /** Names its value on the gradient tape. Views have an id of their own, twins the same. */
    readonly id = nextId++,
  ) {
    this.#block = block;
    enterScope(this);
    watchForLeak(this);
  }

  /** A name for error messages, such as `units.3.pointwise.conv.weight`. */
  get label(): string | undefined {
    return this.#label;
  }

  set label(name: string | undefined) {
    this.#label = name;
    nameLeak(this, name);
  }

  /** How many (logical) elements there are. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** How many axes there are. */
  get rank(): number {
    return this.shape.length;
  }

  get disposed(): boolean {
    return this.#block === null;
  }

  /** @internal The memory behind this handle. Throws `DisposedError` after `dispose()`. */
  get block(): Block {
    if (this.#block === null) {
      const name = this.label ?? `a tensor of shape ${formatShape(this.shape)}`;
      throw new DisposedError(`${name} was disposed. Return it from tidy(), or keep() it, to use it later.`);
    }
    return this.#block;
  }

  /** Where it lives. */
  get backend(): BackendName {
    return this.block.backend;
  }

  /** @internal Where its first element lies in the memory of the CPU backend: what kernels are told. */
  get address(): number {
    return this.block.address;
  }

  /** Gives the memory back, unless a view still needs it. Disposing twice is harmless. */
  dispose(): void {
    if (this.#block === null) return;
    const block = this.#block;
    this.#block = null;
    leaveScope(this);
    forgetLeak(this);
    block.release();
  }

  /** `using x = zeros([3])` disposes x at the end of its block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** One more reference to the memory, for a subclass to take over. */
  share(): Block {
    return this.block.retain();
  }
}
