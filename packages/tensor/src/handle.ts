/// <reference lib="esnext.disposable" preserve="true" />
import type { BackendName } from './backend-name.js';
import type { Block } from './block.js';
import { DisposedError } from './errors.js';
import { forgetLeak, nameLeak, watchForLeak } from './leaks.js';
import { enterScope, leaveScope } from './scope.js';
import { formatShape, type Shape, sizeOf } from './shape.js';

let nextId = 1;

/**
 * The base class of `Tensor` and `BitTensor`: a shape, and a reference to a block of memory. Several handles may share
 * a block, as views do. It is freed when the last of them is disposed.
 */
export abstract class Handle {
  /** @internal */
  readonly isTensorHandle = true;

  #label: string | undefined;
  #block: Block | null;

  /** Takes over one reference to `block`. */
  protected constructor(
    /** The sizes of the axes, outermost first. */
    readonly shape: Shape,
    block: Block,
    /** Identifies the value on a gradient tape. A view has its own id; a twin has the id of its original. */
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

  /** The number of elements: the product of the shape. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** @internal The size of its elements in bytes. Its block may be larger, where several values share one in turn. */
  abstract get byteLength(): number;

  /** The number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /** Whether `dispose()` was called, or the `tidy` that owned the tensor has ended. */
  get disposed(): boolean {
    return this.#block === null;
  }

  /** @internal The memory behind this handle. @throws DisposedError after `dispose()`. */
  get block(): Block {
    if (this.#block === null) {
      const name = this.label ?? `a tensor of shape ${formatShape(this.shape)}`;
      throw new DisposedError(`${name} was disposed. Return it from tidy(), or keep() it, to use it later.`);
    }
    return this.#block;
  }

  /** The backend that holds the elements. */
  get backend(): BackendName {
    return this.block.backend;
  }

  /** @internal The byte address of the first element in the memory of the CPU backend, as kernels receive it. */
  get address(): number {
    return this.block.address;
  }

  /** Frees the memory, unless another handle still uses it. Disposing twice is harmless. */
  dispose(): void {
    if (this.#block === null) return;
    const block = this.#block;
    this.#block = null;
    leaveScope(this);
    forgetLeak(this);
    block.release();
  }

  /** Lets `using x = zeros([3])` dispose x at the end of the enclosing block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Adds a reference to the memory, for another handle to take over. */
  share(): Block {
    return this.block.retain();
  }
}
