import type { BackendName } from './backend-name.js';
import { Block } from './block.js';
import { checkNumber, wholeNumbers } from './check.js';
import { bytesPerElement, type DType } from './dtype.js';
import { Tensor } from './tensor.js';

/** A part of another block, which it keeps alive. */
class PartOfBlock extends Block {
  readonly #whole: Block;
  readonly #offset: number;

  /** Takes over one reference to `whole`. @param offset The byte at which the part begins. */
  constructor(whole: Block, offset: number, byteLength: number) {
    super(byteLength, { ownsMemory: false });
    this.#whole = whole;
    this.#offset = offset;
  }

  override get backend(): BackendName {
    return this.#whole.backend;
  }

  override get address(): number {
    return this.#whole.address + this.#offset;
  }

  override overwritten(): void {
    super.overwritten();
    this.#whole.overwritten();
  }

  protected override free(): void {
    this.#whole.release();
  }
}

/**
 * Returns successive elements of a tensor, in row-major order, as a tensor [size] over the same memory: what is written
 * to one is seen in the other. `slice` returns a copy instead.
 *
 * @param x A tensor on the CPU.
 * @param from The index of the first element.
 * @param size The number of elements.
 * @throws RangeError if x has fewer elements; BackendError if it is on a GPU.
 *
 * @example
 * ```ts
 * import { assign, tensor } from '@mobinet/tensor';
 * import { partOf } from '@mobinet/tensor/kernels';
 *
 * const x = tensor([[1, 2], [3, 4]]);
 * const middle = partOf(x, 1, 2);
 * assign(middle, tensor([20, 30]));
 * console.log(`${x.values}`);
 * // → 1,20,30,4
 * ```
 */
export function partOf<D extends DType>(x: Tensor<D>, from: number, size: number): Tensor<D> {
  checkNumber('partOf: from', from, wholeNumbers(0, x.size));
  checkNumber('partOf: size', size, wholeNumbers(0, x.size - from));
  // Only the memory of the CPU has addresses. On a GPU, this throws.
  void x.address;
  const bytes = bytesPerElement(x.dtype);
  return new Tensor(x.dtype, [size], new PartOfBlock(x.share(), from * bytes, size * bytes));
}
