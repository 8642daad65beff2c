import { Block } from '../../block.js';
import { OutOfMemoryError } from '../../errors.js';
import { bytesAt, growMemory, memoryBuffer, memoryLimit } from './memory.js';

/**
 * Memory for CPU tensors: blocks of the one shared WebAssembly memory, all aligned to 64 bytes, a cache line.
 *
 * A training step takes the same few hundred sizes again and again. Small blocks wait on a free list of their size class for
 * the next of that size. Large ones, which make up the bytes, become free ranges that join with their neighbours, and the
 * smallest range that fits is cut: so what one layer leaves behind serves another of different size.
 *
 * A new block holds garbage: every kernel writes every element of its outputs.
 */
export class HeapBlock extends Block {
  override readonly backend = 'cpu';

  constructor(
    override readonly address: number,
    byteLength: number,
    readonly capacity: number,
    /** The byte that fills the guard behind the block, in tests. */
    readonly guard: number | null,
  ) {
    super(byteLength);
  }

  protected override free(): void {
    const { address, capacity } = this;
    liveBlocks.delete(this);
    if (this.guard !== null) checkGuard(this, this.guard);
    const list = freeLists.get(capacity);
    if (capacity > largestSmall) unreserve(address, capacity);
    else if (list) list.push(address);
    else freeLists.set(capacity, [address]);
  }
}

const alignment = 64;

/** Up to this many bytes a block is small. */
const largestSmall = 16384;

/** The first bytes of the memory belong to the dispatcher of kernels. */
export const reservedBytes = 4096;

/** Vector loads may read a little beyond the last element of a tensor: there is always memory left to do so. */
const slack = 1024;

const freeLists = new Map<number, number[]>();

/** Free ranges in the order of their addresses; no two touch. */
const ranges: { start: number; end: number }[] = [];

/** What lies above was never used. */
let top = reservedBytes;

const liveBlocks = new Set<HeapBlock>();

/**
 * A block of at least `byteLength` bytes. Its contents are undefined.
 * @param purpose What it is for, in an error.
 * @throws OutOfMemoryError
 */
export function allocate(byteLength: number, purpose = 'a tensor'): HeapBlock {
  const capacity = capacityFor(poison === null ? byteLength : byteLength + guardBytes);
  const address = freeLists.get(capacity)?.pop() ?? reserve(capacity, purpose);
  const block = new HeapBlock(address, byteLength, capacity, poison);
  liveBlocks.add(block);
  if (poison !== null) bytesAt(address, capacity).fill(poison);
  return block;
}

/** Runs `use` with a block that is free again afterwards: room for what kernels hand to one another. */
export function withTemporary<T>(byteLength: number, use: (address: number) => T): T {
  const block = allocate(byteLength, 'a temporary');
  try {
    return use(block.address);
  } finally {
    block.release();
  }
}

/** Small sizes: four steps an octave, so that at most a fifth of a block is unused. Large ones: whole kilobytes. */
function capacityFor(byteLength: number): number {
  if (byteLength > largestSmall) return roundUp(byteLength, 1024);
  if (byteLength <= alignment) return alignment;
  const step = 2 ** (Math.floor(Math.log2(byteLength - 1)) - 2);
  return roundUp(byteLength, Math.max(alignment, step));
}

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** Memory that no block stands for: neither counted nor recycled by size. @throws OutOfMemoryError */
export function reserve(byteLength: number, purpose: string): number {
  return takeRange(byteLength) ?? takeNew(byteLength, purpose);
}

/** Cuts `capacity` bytes from the smallest range that has them. */
function takeRange(capacity: number): number | undefined {
  let best = -1;
  let bestSize = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ranges.length; i++) {
    const size = ranges[i].end - ranges[i].start;
    if (size >= capacity && size < bestSize) {
      best = i;
      bestSize = size;
    }
  }
  if (best < 0) return undefined;
  const { start } = ranges[best];
  if (bestSize === capacity) ranges.splice(best, 1);
  else ranges[best].start += capacity;
  return start;
}

function takeNew(capacity: number, purpose: string): number {
  const missing = top + capacity + slack - memoryBuffer().byteLength;
  if (missing > 0) {
    try {
      growMemory(missing);
    } catch {
      throw outOfMemory(capacity, purpose, memoryBuffer().byteLength + missing);
    }
  }
  const address = top;
  top += capacity;
  return address;
}

/** Adds a range to the free ones, joined with those that it touches, or with the unused memory above. */
export function unreserve(start: number, byteLength: number): void {
  const end = start + byteLength;
  let at = 0;
  for (let high = ranges.length; at < high; ) {
    const middle = (at + high) >> 1;
    if (ranges[middle].start < start) at = middle + 1;
    else high = middle;
  }
  const before = ranges[at - 1];
  const after = ranges[at];
  if (before?.end === start && after?.start === end) {
    before.end = after.end;
    ranges.splice(at, 1);
  } else if (before?.end === start) before.end = end;
  else if (after?.start === end) after.start = start;
  else ranges.splice(at, 0, { start, end });
  if (ranges.at(-1)?.end === top) top = ranges.pop()!.start;
}

/** @param needed Bytes that the whole memory would have to have. */
function outOfMemory(byteLength: number, purpose: string, needed: number): OutOfMemoryError {
  const sizes = [...liveBlocks].map((block) => block.byteLength);
  const largest = sizes.sort((a, b) => b - a);
  const liveBytes = sizes.reduce((sum, size) => sum + size, 0);
  const limit = memoryLimit();
  const end =
    needed > limit
      ? `The memory of WebAssembly ends at ${limit / 2 ** 30} GiB`
      : `The memory of WebAssembly has ${formatBytes(memoryBuffer().byteLength)}, and the system gives it no more`;
  const shown = largest.slice(0, 3).map(formatBytes).join(', ');
  const lack =
    `${purpose} asked for ${formatBytes(byteLength)} while ${largest.length} live tensors hold ` +
    `${formatBytes(liveBytes)}${shown && ` (the largest: ${shown})`}`;
  const remedy = 'Use a smaller batch or image, or free tensors with tidy() or dispose()';
  return new OutOfMemoryError(`out of memory: ${lack}. ${end}. ${remedy}.`, { lack });
}

function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${bytes} bytes`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** Bytes behind each block that nobody may write, while tests poison memory. */
const guardBytes = 64;

let poison: number | null = null;

/**
 * For tests: fills every new block, and the bytes behind it, with this byte (null: leaves them as they are). So they find
 * elements that a kernel forgot to write, and kernels that write beyond their output.
 */
export function poisonNewBlocks(byte: number | null): void {
  poison = byte;
}

function checkGuard({ address, byteLength, capacity }: HeapBlock, guard: number): void {
  if (bytesAt(address + byteLength, capacity - byteLength).some((byte) => byte !== guard)) {
    throw new Error(`a kernel wrote beyond the ${byteLength} bytes of its output`);
  }
}
