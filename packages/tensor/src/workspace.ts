import { bytesOf } from './backend.js';
import { BitTensor, countWords } from './bit-tensor.js';
import type { DType } from './dtype.js';
import { keep } from './scope.js';
import { type Shape, sizeOf } from './shape.js';
import { emptyTensor, Tensor } from './tensor.js';

/**
 * Memory that tensors take turns in. All of them lie at its beginning, so whoever writes one ends the others: it is for work whose
 * order is known, such as the layers of a network, where what one layer made is read by the next and then no more.
 */
export class Workspace {
  readonly #memory: Tensor<'u32'>;

  /** @param byteLength Of the largest tensor that will lie in it, on the current backend (`bytesOf`). */
  constructor(byteLength: number) {
    this.#memory = keep(emptyTensor('u32', [Math.ceil(byteLength / 4)], 'a workspace'));
  }

  /** A tensor that is not written yet. It is the caller's to dispose of; no `tidy` does. */
  tensor<D extends DType>(dtype: D, shape: Shape): Tensor<D> {
    this.#check(sizeOf(shape) * bytesOf(dtype, this.#memory.backend));
    return keep(new Tensor(dtype, shape, this.#memory.share()));
  }

  /** The same for signs. */
  bits(shape: Shape): BitTensor {
    this.#check(bitBytes(shape));
    return keep(new BitTensor(shape, this.#memory.share()));
  }

  /** The memory is free once the tensors in it are disposed as well. */
  dispose(): void {
    this.#memory.dispose();
  }

  #check(byteLength: number): void {
    const own = 4 * this.#memory.size;
    if (byteLength <= own) return;
    throw new RangeError(`a workspace of ${own} bytes has no room for a tensor of ${byteLength} bytes`);
  }
}

/** Bytes of a BitTensor of this shape. */
export function bitBytes(shape: Shape): number {
  return 4 * countWords(shape);
}
