import { Block } from '../../block.js';
import { OutOfMemoryError } from '../../errors.js';
import { withHelp } from '../../help.js';
import { bytesAt, growMemory, memoryBuffer, memoryLimit } from './memory.js';

/**
 * The memory of a CPU tensor: a block of the one shared WebAssembly memory, aligned to a cache line of 64 bytes.
 *
 * A training step requests the same few hundred sizes over and over. Freed small blocks go on the free list of their
 * size class. Freed large blocks, which make up most of the bytes, become free ranges that merge with their neighbors,
 * and an allocation takes the smallest range that fits. So memory freed by one layer can serve another layer of a
 * different size.
 *
 * A new block contains garbage: every kernel writes every element of its outputs.
 */
export class HeapBlock extends Block {
  override readonly backend = 'cpu';

  constructor(
    override readonly address: number,
    byteLength: number,
    readonly capacity: number,
    /** The byte that fills the guard zone after the block; null outside tests. */
    readonly guard: number | null,
  ) {
    super(byteLength);
  }

  protected override free(): void {
    const { address, capacity } = this;
    liveBlocks.delete(this);
    if (this.guard !== null) checkGuard(this, this.guard);
    const list = freeLists.get(capacity);
    if (capacity > largestSmall) freeRange(address, capacity);
    else if (list) list.push(address);
    else freeLists.set(capacity, [address]);
  }
}

const alignment = 64;

/** The capacity of the largest small block, in bytes. */
const largestSmall = 16384;

/** The start of the memory, which belongs to the dispatcher of kernels. */
const reservedBytes = 4096;

/** Spare bytes at the end of the memory, because vector loads may read a little past the last element of a tensor. */
const slack = 1024;

const freeLists = new Map<number, number[]>();

/** Free ranges, sorted by address. No two are adjacent. */
const ranges: { start: number; end: number }[] = [];

/** The end of the used part of the memory: no block lies above. */
let top = reservedBytes;

const liveBlocks = new Set<HeapBlock>();

/**
 * Allocates a block of at least `byteLength` bytes. Its contents are undefined.
 *
 * @param purpose What the memory is for, for out-of-memory errors.
 * @throws OutOfMemoryError if the memory is full.
 */
export function allocate(byteLength: number, purpose = 'a tensor'): HeapBlock {
  // A range of NaN bytes would fit nowhere and everywhere, and the heap would end at NaN from then on.
  if (!(byteLength >= 0)) throw new RangeError(`${purpose} cannot have ${byteLength} bytes`);
  const capacity = capacityFor(poison === null ? byteLength : byteLength + guardBytes);
  const address = freeLists.get(capacity)?.pop() ?? allocateRange(capacity, purpose);
  const block = new HeapBlock(address, byteLength, capacity, poison);
  liveBlocks.add(block);
  if (liveBlocks.size === suspiciouslyMany && !hasWarned) warnOfMany();
  if (poison !== null) bytesAt(address, capacity).fill(poison);
  return block;
}

/** More live tensors than any network needs: a loop that does not free its tensors gets there, long before memory ends. */
const suspiciouslyMany = 100_000;
let hasWarned = false;

function warnOfMany(): void {
  hasWarned = true;
  const many = suspiciouslyMany.toLocaleString('en-US');
  const remedy = 'If memory grows from step to step, free the tensors of each with tidy() or dispose()';
  console.warn(withHelp(`there are ${many} live tensors. ${remedy}`, 'forgotten-dispose'));
}

/**
 * Runs `use` with the address of temporary memory, which is freed afterwards. Kernels pass intermediate results to each
 * other in it. The contents are undefined at first.
 *
 * @throws OutOfMemoryError if the memory is full.
 *
 * @example
 * ```ts
 * import { floatsAt, withTemporary } from '@mobinet/tensor/kernels';
 *
 * const last = withTemporary(8, (address) => {
 *   floatsAt(address, 2).set([1, 2]);
 *   return floatsAt(address, 2)[1];
 * });
 * console.log(last);
 * // → 2
 * ```
 */
export function withTemporary<T>(byteLength: number, use: (address: number) => T): T {
  const block = allocate(byteLength, 'temporary memory');
  try {
    return use(block.address);
  } finally {
    block.release();
  }
}

/**
 * Rounds large sizes up to whole KiB, and small ones to one of four steps per octave, so that at most a fifth of a
 * block is unused. (Steps are no smaller than the alignment, so below 256 bytes it may be more.)
 */
function capacityFor(byteLength: number): number {
  if (byteLength > largestSmall) return roundUp(byteLength, 1024);
  if (byteLength <= alignment) return alignment;
  const step = 2 ** (Math.floor(Math.log2(byteLength - 1)) - 2);
  return roundUp(byteLength, Math.max(alignment, step));
}

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** Allocates memory without a block: it is neither counted nor recycled by size. @throws OutOfMemoryError if full. */
export function allocateRange(byteLength: number, purpose: string): number {
  return takeRange(byteLength) ?? takeNew(byteLength, purpose);
}

/** Takes `capacity` bytes from the smallest free range that is large enough (best fit). */
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

/** Frees a range, and merges it with adjacent free ranges, or with the unused memory above. */
export function freeRange(start: number, byteLength: number): void {
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

/** @param needed The size in bytes that the whole memory would need. */
function outOfMemory(byteLength: number, purpose: string, needed: number): OutOfMemoryError {
  const sizes = [...liveBlocks].map((block) => block.byteLength);
  const largest = sizes.sort((a, b) => b - a);
  const liveBytes = sizes.reduce((sum, size) => sum + size, 0);
  const limit = memoryLimit();
  const end =
    needed > limit
      ? `The WebAssembly memory is limited to ${limit / 2 ** 30} GiB`
      : `The WebAssembly memory has ${formatBytes(memoryBuffer().byteLength)}, and the system refuses to grow it`;
  const shown = largest.slice(0, 3).map(formatBytes).join(', ');
  const lack =
    `${purpose} requested ${formatBytes(byteLength)} while ${largest.length} live tensors hold ` +
    `${formatBytes(liveBytes)}${shown && ` (the largest: ${shown})`}`;
  const remedy = 'Use a smaller batch or image, or free tensors with tidy() or dispose()';
  return new OutOfMemoryError(`out of memory: ${lack}. ${end}. ${remedy}.`, { lack });
}

function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${bytes} bytes`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** The size of the guard zone after each block, which must not be written, while tests poison memory. */
const guardBytes = 64;

let poison: number | null = null;

/**
 * For tests: fills every new block and the guard zone after it with this byte. This reveals elements that a kernel does
 * not write, and writes past the end of an output. Null turns it off.
 */
export function poisonNewBlocks(byte: number | null): void {
  poison = byte;
}

function checkGuard({ address, byteLength, capacity }: HeapBlock, guard: number): void {
  if (bytesAt(address + byteLength, capacity - byteLength).some((byte) => byte !== guard)) {
    throw new Error(`a kernel wrote past the ${byteLength} bytes of its output`);
  }
}
