/**
 * Memory for CPU tensors.
 *
 * A training step allocates the same few hundred sizes again and again. Fresh ArrayBuffers would be
 * zeroed each time and burden the garbage collector, so freed blocks wait on a free list of their
 * size class. A new block therefore holds garbage: every kernel writes every element of its outputs.
 */
export class Block {
  /** Handles (tensors and their views) that share this block. */
  references = 1;

  constructor(
    readonly buffer: ArrayBufferLike,
    readonly byteOffset: number,
    readonly byteLength: number,
    /** Belongs to someone else: neither counted nor recycled. */
    readonly borrowed = false,
  ) {}
}

const freeLists = new Map<number, ArrayBufferLike[]>();

/** Blocks above this go back to the garbage collector: rare, and too much to keep for later. */
const largestKept = 1 << 28;

let liveBytes = 0;

/** Size classes: four steps an octave, so that at most a fifth of a block is unused. */
function sizeClass(byteLength: number): number {
  if (byteLength <= 64) return 64;
  const step = 2 ** (Math.floor(Math.log2(byteLength - 1)) - 2);
  return Math.ceil(byteLength / step) * step;
}

/** A block of at least `byteLength` bytes, aligned for every dtype. Its contents are undefined. */
export function allocate(byteLength: number): Block {
  const capacity = sizeClass(byteLength);
  const buffer = freeLists.get(capacity)?.pop() ?? newBuffer(capacity, byteLength);
  liveBytes += byteLength;
  if (poison !== null) new Uint8Array(buffer).fill(poison);
  return new Block(buffer, 0, byteLength);
}

let poison: number | null = null;

/** Fills every new block with this byte (null: leaves it as it is): tests find elements that a kernel forgot to write. */
export function poisonNewBlocks(byte: number | null): void {
  poison = byte;
}

/** A block over memory that someone else owns (an ndarray's, say). It must be aligned for every dtype, as ours is. */
export function borrow({ buffer, byteOffset, byteLength }: ArrayBufferView): Block {
  return new Block(buffer, byteOffset, byteLength, true);
}

function newBuffer(capacity: number, byteLength: number): ArrayBuffer {
  try {
    return new ArrayBuffer(capacity);
  } catch {
    throw new RangeError(
      `out of memory: a tensor asked for ${byteLength} bytes while ${liveBytes} are live. ` +
        'Use a smaller batch, or free tensors with tidy() or dispose().',
    );
  }
}

export function retain(block: Block): Block {
  block.references++;
  return block;
}

/** Gives up one reference; the last one puts the memory on its free list, unless it was borrowed. */
export function release(block: Block): void {
  if (--block.references > 0 || block.borrowed) return;
  liveBytes -= block.byteLength;
  const capacity = block.buffer.byteLength;
  if (capacity > largestKept) return;
  const list = freeLists.get(capacity);
  if (list) list.push(block.buffer);
  else freeLists.set(capacity, [block.buffer]);
}

/** Bytes that live blocks asked for. */
export function bytesInUse(): number {
  return liveBytes;
}
