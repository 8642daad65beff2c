import { allocateOn, currentBackend } from './backend.js';
import type { BackendName } from './backend-name.js';
import { memoryBuffer } from './backends/cpu/memory.js';
import { readWords, writeBytes } from './backends/webgpu/transfer.js';
import type { Block } from './block.js';
import { shown } from './check.js';
import { checkShape } from './check-shape.js';
import { wordsOfValues } from './dtype.js';
import { ShapeError } from './errors.js';
import { Handle } from './handle.js';
import { formatShape, type Shape, sizeOf } from './shape.js';

/**
 * The number of bits in a storage word: 32.
 *
 * @example
 * ```ts
 * import { wordBits } from '@mobinet/tensor';
 *
 * const signs = 1000;
 * console.log(`${4 * Math.ceil(signs / wordBits)} bytes, where f32 takes ${4 * signs}`);
 * // → 128 bytes, where f32 takes 4000
 * ```
 */
export const wordBits = 32;

/**
 * The number of words in a row of `length` bits. Rows are padded to whole words.
 *
 * @example
 * ```ts
 * import { wordsPerRow } from '@mobinet/tensor';
 *
 * console.log(`${wordsPerRow(32)}, ${wordsPerRow(33)}`);
 * // → 1, 2
 * ```
 */
export function wordsPerRow(length: number): number {
  return Math.ceil(length / wordBits);
}

/**
 * An array of signs, one bit each, packed along the last axis (the channels).
 *
 * The convention everywhere is that **bit 1 is −1 and bit 0 is +1**, with the first channel in the lowest bit. The
 * product of two signs is then the xor of their bits, and a dot product of n signs is n − 2·popcount(a xor b). Each row
 * (a run along the last axis) starts at a new word. The unused tail bits of its last word are 0, so an xor cancels
 * them.
 *
 * BitTensor is not a dtype of `Tensor`, which makes arithmetic on signs a type error. `unpackBits` converts it to
 * numbers.
 *
 * @example
 * ```ts
 * import { packBits, tensor } from '@mobinet/tensor';
 *
 * const bits = packBits(tensor([[1, -1, -1], [-1, 1, 1]]));
 * console.log(`${bits}: ${Array.from(bits.words, (word) => word.toString(2)).join(', ')}`); // a word for each row
 * // → BitTensor [2, 3]: 110, 1
 * ```
 */
export class BitTensor extends Handle {
  /** Not a dtype of `Tensor`. */
  readonly dtype = 'bits';

  #words: Uint32Array | null = null;

  /** @internal Use `packBits`. */
  constructor(shape: Shape, block: Block, id?: number) {
    super(shape, block, id);
  }

  /** The number of signs per row: the size of the last axis. */
  get rowLength(): number {
    return this.shape[this.rank - 1];
  }

  /** @internal */
  get byteLength(): number {
    return countWords(this.shape) * Uint32Array.BYTES_PER_ELEMENT;
  }

  /**
   * The packed words, row by row: a view of the tensor's own memory, valid until the tensor is disposed.
   *
   * @throws BackendError if the tensor is on a GPU.
   * @throws DisposedError if the tensor was disposed.
   */
  get words(): Uint32Array {
    const { address } = this.block;
    this.#words ??= new Uint32Array(memoryBuffer(), address, countWords(this.shape));
    return this.#words;
  }

  /** Returns a copy of the packed words, after all pending work on them has finished. */
  async data(): Promise<Uint32Array> {
    if (this.backend === 'cpu') return this.words.slice();
    return new Uint32Array(await readWords(this.block, countWords(this.shape)));
  }

  /** @internal Another handle on the same memory. The last axis, along which bits are packed, must keep its size. */
  alias(shape: Shape = this.shape): BitTensor {
    return new BitTensor(shape, this.share());
  }

  /** @internal Another handle on the same value, which may outlive this one. To gradient tapes both are one tensor. */
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

/**
 * The number of storage words in a BitTensor of this shape.
 *
 * @example
 * ```ts
 * import { countWords } from '@mobinet/tensor';
 *
 * console.log(countWords([2, 5, 40])); // ten rows of two words
 * // → 20
 * ```
 */
export function countWords(shape: Shape): number {
  const rowLength = shape[shape.length - 1];
  return rowLength === 0 ? 0 : (sizeOf(shape) / rowLength) * wordsPerRow(rowLength);
}

/** @internal Returns a BitTensor with uninitialized words. */
export function emptyBitTensor(shape: Shape, purpose?: string, backend: BackendName = currentBackend()): BitTensor {
  return new BitTensor(shape, allocateOn(backend, countWords(shape) * Uint32Array.BYTES_PER_ELEMENT, purpose));
}

/**
 * Creates a BitTensor from packed words, as `data()` returns them. The words are copied.
 *
 * @throws ShapeError if the words do not fill the shape, or tail bits are not 0; TypeError if they are no Uint32Array.
 *
 * @example
 * ```ts
 * import { bitTensor, unpackBits } from '@mobinet/tensor';
 *
 * const bits = bitTensor(Uint32Array.of(0b101), [4]);
 * console.log(`${unpackBits(bits).values}`);
 * // → -1,1,-1,1
 * ```
 */
export function bitTensor(words: Uint32Array, shape: Shape): BitTensor {
  if (!(words instanceof Uint32Array))
    throw new TypeError(`bitTensor: words must be a Uint32Array, not ${shown(words)}`);
  checkShape('bitTensor', shape);
  if (shape.length === 0 || words.length !== countWords(shape)) {
    throw new ShapeError('bitTensor', `${words.length} words do not fill shape ${formatShape(shape)}`);
  }
  const rowLength = shape[shape.length - 1];
  const tailBits = rowLength % wordBits;
  const tail = tailBits === 0 ? 0 : (0xffffffff << tailBits) >>> 0;
  const rowWords = wordsPerRow(rowLength);
  for (let last = rowWords - 1; last < words.length; last += rowWords) {
    if ((words[last] & tail) !== 0) {
      throw new ShapeError(
        'bitTensor',
        `tail bits after the ${rowLength} bits of a row are set`,
        [],
        'They must be 0.',
      );
    }
  }
  const result = emptyBitTensor(shape);
  if (result.backend === 'cpu') result.words.set(words);
  else writeBytes(result.block, wordsOfValues(words));
  return result;
}
