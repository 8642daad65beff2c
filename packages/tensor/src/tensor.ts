import { allocateOn, bytesOf, currentBackend } from './backend.js';
import type { BackendName } from './backend-name.js';
import { memoryBuffer } from './backends/cpu/memory.js';
import { readWords } from './backends/webgpu/transfer.js';
import type { Block } from './block.js';
import { type DType, type TypedArray, typedArrayOver, valuesOfWords } from './dtype.js';
import { ShapeError } from './errors.js';
import { formatTensor } from './format.js';
import { Handle } from './handle.js';
import { formatShape, type Shape, sizeOf } from './shape.js';

/**
 * A dense, row-major array of numbers with its element type in its type. Images are NHWC.
 *
 * Operations are free functions (`add(a, b)`), with methods for arithmetic and views (`a.add(b)`).
 * They never change their inputs.
 */
export class Tensor<D extends DType = 'f32'> extends Handle {
  #values: TypedArray<D> | null = null;

  /** For subclasses; others use the factories: `tensor`, `zeros`, `full`… */
  constructor(
    readonly dtype: D,
    shape: Shape,
    block: Block,
    id?: number,
  ) {
    super(shape, block, id);
  }

  /**
   * The elements in place, row-major: the tensor's own memory, for kernels and for host code.
   * Valid until the tensor is disposed. To keep the numbers, `await data()`. To a gradient, numbers that are read are constants, and
   * what is written here goes unseen: `assign` is checked.
   *
   * @throws BackendError if it is on a GPU.
   */
  get values(): TypedArray<D> {
    const { address } = this.block;
    this.#values ??= typedArrayOver(this.dtype, memoryBuffer(), address, this.size);
    return this.#values;
  }

  /** A copy of the elements, yours to keep, once all work that makes them has ended. */
  async data(): Promise<TypedArray<D>> {
    if (this.backend === 'cpu') return this.values.slice() as TypedArray<D>;
    return valuesOfWords(this.dtype, await readWords(this.block, this.size));
  }

  /** The only element of a tensor of size 1. */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new ShapeError('item', `a tensor of shape ${formatShape(this.shape)} has ${this.size} elements, not one`);
    }
    return (await this.data())[0];
  }

  /** @internal Another handle on the same memory, of the same size. */
  alias(shape: Shape = this.shape): Tensor<D> {
    return new Tensor(this.dtype, shape, this.share());
  }

  /** @internal Another handle on the same value, which outlives this one. To a gradient tape the two are one. */
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

/** A tensor whose elements are not written yet, for kernels to write. */
export function emptyTensor<D extends DType>(
  dtype: D,
  shape: Shape,
  purpose?: string,
  backend: BackendName = currentBackend(),
): Tensor<D> {
  return new Tensor(dtype, shape, allocateOn(backend, sizeOf(shape) * bytesOf(dtype, backend), purpose));
}
