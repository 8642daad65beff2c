import { allocateOn, currentBackend } from './backend.js';
import type { BackendName } from './backend-name.js';
import { memoryBuffer } from './backends/cpu/memory.js';
import { readWords } from './backends/webgpu/transfer.js';
import type { Block } from './block.js';
import { bytesPerElement, type DType, type TypedArray, typedArrayOver, wordsFor } from './dtype.js';
import { ShapeError } from './errors.js';
import { formatTensor } from './format.js';
import { Handle } from './handle.js';
import { formatShape, type Shape, sizeOf } from './shape.js';

/**
 * A dense, row-major, n-dimensional array whose element type is part of its TypeScript type. Images are NHWC.
 *
 * Operations are free functions (`add(a, b)`). Arithmetic and views are also methods (`a.add(b)`). No operation changes
 * its inputs.
 *
 * @example
 * ```ts
 * import { tensor } from '@mobinet/tensor';
 *
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(`rank ${x.rank}, shape [${x.shape}], ${x.size} elements of ${x.dtype}`);
 * // → rank 2, shape [2,2], 4 elements of f32
 * console.log(`${x.sub(x.mean()).square().mean().values}`); // the variance, as a formula
 * // → 1.25
 * x.dispose();
 * ```
 */
export class Tensor<D extends DType = 'f32'> extends Handle {
  #values: TypedArray<D> | null = null;

  /**
   * For subclasses. Everyone else creates tensors with `tensor`, `zeros`, `full` and the like.
   *
   * @param shape The sizes of the axes.
   * @param block The memory of its elements.
   * @param id Identifies the tensor for recorders. Default: a new one.
   */
  constructor(
    /** The element type. */
    readonly dtype: D,
    shape: Shape,
    block: Block,
    id?: number,
  ) {
    super(shape, block, id);
  }

  /** @internal */
  get byteLength(): number {
    return this.size * bytesPerElement(this.dtype);
  }

  /**
   * The elements in row-major order: a view of the tensor's own memory, valid until the tensor is disposed. `data()`
   * returns a copy.
   *
   * Autograd does not see this access: numbers read here are constants to it, and writes here go unnoticed, whereas
   * `assign` is checked.
   *
   * @throws BackendError if the tensor is on a GPU.
   * @throws DisposedError if the tensor was disposed.
   */
  get values(): TypedArray<D> {
    const { address } = this.block;
    this.#values ??= typedArrayOver(this.dtype, memoryBuffer(), address, this.size);
    return this.#values;
  }

  /** Returns a copy of the elements in row-major order, after all pending work on them has finished. */
  async data(): Promise<TypedArray<D>> {
    if (this.backend === 'cpu') return this.values.slice() as TypedArray<D>;
    return typedArrayOver(this.dtype, await readWords(this.block, wordsFor(this.dtype, this.size)), 0, this.size);
  }

  /**
   * Returns the element of a tensor of size 1 as a number.
   *
   * @throws ShapeError if the tensor has another size.
   */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new ShapeError('item', `a tensor of shape ${formatShape(this.shape)} has ${this.size} elements, not one`);
    }
    return (await this.data())[0];
  }

  /** @internal Another handle on the same memory, with a shape of the same size. */
  alias(shape: Shape = this.shape): Tensor<D> {
    return new Tensor(this.dtype, shape, this.share());
  }

  /** @internal Another handle on the same value, which may outlive this one. To gradient tapes both are one tensor. */
  twin(): Tensor<D> {
    const twin = new Tensor(this.dtype, this.shape, this.share(), this.id);
    twin.label = this.label;
    return twin;
  }

  override toString(): string {
    if (this.backend !== 'cpu') return `Tensor<${this.dtype}> ${formatShape(this.shape)} on the GPU`;
    return formatTensor(this.dtype, this.shape, this.values);
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.disposed ? `Tensor<${this.dtype}> ${formatShape(this.shape)} (disposed)` : this.toString();
  }
}

/**
 * Returns a tensor with uninitialized elements, for a kernel to fill.
 *
 * @param dtype The element type.
 * @param shape The shape of the tensor.
 * @param purpose What the memory is for, for out-of-memory errors.
 * @param backend Default: the current backend.
 *
 * @example
 * ```ts
 * import { emptyTensor } from '@mobinet/tensor/kernels';
 *
 * const y = emptyTensor('i16', [2, 3]);
 * y.values.fill(7);
 * console.log(`${y}`);
 * // → Tensor<i16> [2, 3]
 * // → [[7, 7, 7],
 * // →  [7, 7, 7]]
 * ```
 */
export function emptyTensor<D extends DType>(
  dtype: D,
  shape: Shape,
  purpose?: string,
  backend: BackendName = currentBackend(),
): Tensor<D> {
  return new Tensor(dtype, shape, allocateOn(backend, sizeOf(shape) * bytesPerElement(dtype), purpose));
}
