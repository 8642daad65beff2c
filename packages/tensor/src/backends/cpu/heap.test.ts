import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { memory as tensorMemory } from '../../backend.js';
import { type Block, bytesInUse } from '../../block.js';
import { zeros } from '../../create.js';
import { OutOfMemoryError } from '../../errors.js';
import { allocate, poisonNewBlocks, withTemporary } from './heap.js';
import { bytesAt, memoryBuffer } from './memory.js';

/** Sizes of every kind: empty, small size classes and their boundaries, and large ones. */
const sizes = fc.oneof(
  fc.constantFrom(0, 1, 63, 64, 65, 80, 81, 16_384, 16_385, 20_000),
  fc.integer({ min: 1, max: 300_000 }),
);

/** Sequences of allocations, and of releases of the n-th live block. */
const histories = fc.array(
  fc.oneof(
    sizes.map((size) => ({ size })),
    fc.nat({ max: 100 }).map((free) => ({ free })),
  ),
  {
    maxLength: 80,
  },
);

describe('the heap', () => {
  test.prop([histories], { numRuns: 60 })('gives each block separate memory, aligned to 64 bytes', (history) => {
    const before = bytesInUse();
    const live: { block: Block; mark: number }[] = [];
    const check = ({ block, mark }: (typeof live)[number]): void => {
      expect(bytesAt(block.address, block.byteLength).every((byte) => byte === mark)).toBe(true);
    };
    history.forEach((action, index) => {
      if ('size' in action) {
        const block = allocate(action.size);
        expect(block.address % 64).toBe(0);
        bytesAt(block.address, block.byteLength).fill(index % 251);
        live.push({ block, mark: index % 251 });
      } else if (live.length > 0) {
        const [gone] = live.splice(action.free % live.length, 1);
        check(gone);
        gone.block.release();
      }
    });
    live.forEach(check);
    expect(bytesInUse() - before).toBe(live.reduce((sum, { block }) => sum + block.byteLength, 0));
    for (const { block } of live) block.release();
    expect(bytesInUse()).toBe(before);
  });

  test('merges adjacent free ranges, so that three freed blocks make room for a larger one', () => {
    // Larger than any free range left by an earlier test, so that the four blocks are adjacent at the top.
    const size = memoryBuffer().byteLength;
    const [first, second, third, last] = [0, 1, 2, 3].map(() => allocate(size));
    for (const block of [first, third, second]) block.release();
    const joined = allocate(2.9 * size);
    expect(joined.address).toBe(first.address);
    joined.release();
    last.release();
  });

  test('reuses a small block for the next one of its size class', () => {
    const first = allocate(1000);
    first.release();
    const second = allocate(1010);
    expect(second.address).toBe(first.address);
    second.release();
  });

  test('frees a block with its last reference', () => {
    const before = bytesInUse();
    const block = allocate(100).retain();
    block.release();
    expect(bytesInUse()).toBe(before + 100);
    block.release();
    expect(bytesInUse()).toBe(before);
  });

  test('preserves its contents when it grows', () => {
    const x = zeros([1000]);
    const { values } = x;
    values.fill(3);
    const before = memoryBuffer().byteLength;
    const large = allocate(before + 1);
    expect(memoryBuffer().byteLength).toBeGreaterThan(before);
    expect(values.every((value) => value === 3)).toBe(true);
    values[0] = 4;
    expect(x.values[0]).toBe(4);
    large.release();
    x.dispose();
  });

  test('refuses a size that is not a number, and still works afterwards', () => {
    expect(() => allocate(Number.NaN, 'a tensor')).toThrow(new RangeError('a tensor cannot have NaN bytes'));
    zeros([3]).dispose();
  });

  test('reports what requested memory, what is in use and what to do when it is full', () => {
    const x = zeros([1_500_000]);
    const ask = () => zeros([2 ** 20, 2 ** 12]);
    expect(ask).toThrow(OutOfMemoryError);
    expect(ask).toThrow(
      /^out of memory: zeros requested 17\.18 GB while \d+ live tensors hold .*MB \(the largest: 6\.0 MB.*\)\. The WebAssembly memory is limited to 4 GiB\. Use a smaller batch/,
    );
    // The failed request has not lost any memory.
    const { bytes } = tensorMemory();
    zeros([10]).dispose();
    expect(tensorMemory().bytes).toBe(bytes);
    x.dispose();
  });

  test('frees temporary memory even if its use throws', () => {
    const before = bytesInUse();
    expect(() =>
      withTemporary(1000, () => {
        expect(bytesInUse()).toBe(before + 1000);
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(bytesInUse()).toBe(before);
  });

  test('detects writes past the end of a block, in tests', () => {
    poisonNewBlocks(0xab);
    try {
      const [good, bad] = [allocate(100), allocate(20_000)];
      bytesAt(good.address, 100).fill(1);
      expect(() => good.release()).not.toThrow();
      bytesAt(bad.address, 20_001).fill(1);
      expect(() => bad.release()).toThrow('a kernel wrote past the 20000 bytes of its output');
    } finally {
      poisonNewBlocks(null);
    }
  });
});
