import { allocateOn, currentBackend } from './backend.js';
import type { BackendName } from './backend-name.js';
import { memoryBuffer } from './backends/cpu/memory.js';
import { readWords, writeBytes } from './backends/webgpu/transfer.js';
import type { Block } from './block.js';
import { wordsOfValues } from './dtype.js';
import { ShapeError } from './errors.js';
import { Handle } from './handle.js';
import { formatShape, type Shape, sizeOf } from './shape.js';

/** Bits in a storage word. */
export const wordBits = 32;

/** Words that hold one row of `length` bits: rows are padded to whole words. */
export function wordsPerRow(length: number): number {
  return Math.ceil(length / wordBits);
}

/**
 * An array of signs, one bit each, packed along the last axis (the channels).
 *
 * The convention, used everywhere: **bit 1 is −1, bit 0 is +1**, the first channel in the lowest bit.
 * So the product of two signs is the xor of their bits, and a dot product over n signs is
 * n − 2·popcount(a xor b). Each row (everything but the last axis) starts at a new word, and the unused
 * tail bits of its last word are 0: equal on both sides of an xor, they never count.
 *
 * Not a dtype of `Tensor`: arithmetic on signs is a type error. Use `unpackBits` to get numbers.
 */
export class BitTensor extends Handle {
  readonly dtype = 'bits';

  #words: Uint32Array | null = null;

  /** @internal Use `packBits`. */
  constructor(shape: Shape, block: Block, id?: number) {
    super(shape, block, id);
  }

  /** Signs in one row: the size of the last axis. */
  get rowLength(): number {
    return this.shape[this.rank - 1];
  }

  /** The packed words in place, row after row. Valid until the tensor is disposed. @throws BackendError if it is on a GPU. */
  get words(): Uint32Array {
    const { address } = this.block;
    this.#words ??= new Uint32Array(memoryBuffer(), address, countWords(this.shape));
    return this.#words;
  }

  /** A copy of the packed words, once all work that makes them has ended. */
  async data(): Promise<Uint32Array> {
    if (this.backend === 'cpu') return this.words.slice();
    return new Uint32Array(await readWords(this.block, countWords(this.shape)));
  }

  /** @internal Another handle on the same memory. Only the rows may be reshaped: the packing stays. */
  alias(shape: Shape = this.shape): BitTensor {
    return new BitTensor(shape, this.share());
  }

  /** @internal Another handle on the same signs, which outlives this one. To a gradient tape the two are one. */
  twin(): BitTensor {
    const twin = new BitTensor(this.shape, this.share(), this.id);
    twin.label = this.label;
    return twin;
  }

  override toString(): string {
    return `BitTensor ${formatShape(this.shape)}`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** Storage words of a BitTensor of this shape. */
export function countWords(shape: Shape): number {
  const rowLength = shape[shape.length - 1];
  return rowLength === 0 ? 0 : (sizeOf(shape) / rowLength) * wordsPerRow(rowLength);
}

/** @internal A BitTensor whose words are not written yet. */
export function emptyBitTensor(shape: Shape, purpose?: string, backend: BackendName = currentBackend()): BitTensor {
  return new BitTensor(shape, allocateOn(backend, countWords(shape) * Uint32Array.BYTES_PER_ELEMENT, purpose));
}

/**
 * A BitTensor from packed words, such as `data()` gives: they are copied.
 * @throws ShapeError if the words do not fill the shape, or tail bits are set.
 */
export function bitTensor(words: Uint32Array, shape: Shape): BitTensor {
  if (shape.length === 0 || words.length !== countWords(shape)) {
    throw new ShapeError('bitTensor', `${words.length} words do not fill shape ${formatShape(shape)}`);
  }
  const rowLength = shape[shape.length - 1];
  const tailBits = rowLength % wordBits;
  const tail = tailBits === 0 ? 0 : (0xffffffff << tailBits) >>> 0;
  const rowWords = wordsPerRow(rowLength);
  for (let last = rowWords - 1; last < words.length; last += rowWords) {
    if ((words[last] & tail) !== 0) {
      throw new ShapeError('bitTensor', `bits beyond the ${rowLength} of a row are set`, [], 'They must be 0.');
    }
  }
  const result = emptyBitTensor(shape);
  if (result.backend === 'cpu') result.words.set(words);
  else writeBytes(result.block, wordsOfValues('u32', words));
  return result;
}
