import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor, zeros } from './create.js';
import { versionOf } from './handles.js';
import { memory, sum } from './index.js';
import { assign } from './move.js';
import { mul } from './ops/elementwise/binary.js';
import { partOf } from './part.js';
import { Rng } from './random.js';
import { dispose } from './scope.js';

const cuts = fc
  .nat(100)
  .chain((size) =>
    fc
      .nat(size)
      .chain((from) => fc.record({ size: fc.constant(size), from: fc.constant(from), count: fc.nat(size - from) })),
  );

describe('partOf', () => {
  test.prop([cuts])('is the same memory, read and written', ({ size, from, count }) => {
    const x = Rng.fromSeed(1).normal([size]);
    const before = Array.from(x.values);
    const part = partOf(x, from, count);
    expect([...part.values]).toEqual(before.slice(from, from + count));
    expect([...mul(part, 2).values]).toEqual(before.slice(from, from + count).map((value) => 2 * value));
    assign(part, zeros([count]));
    expect([...x.values]).toEqual(before.map((value, at) => (at >= from && at < from + count ? 0 : value)));
    dispose([x, part]);
  });

  test('outlives the handle it was taken from, and takes no memory of its own', () => {
    const before = memory();
    const x = tensor([1, 2, 3, 4]);
    const { bytes } = memory();
    const part = partOf(x, 2, 2);
    expect(memory().bytes).toBe(bytes);
    x.dispose();
    expect(sum(part).values[0]).toBe(7);
    part.dispose();
    expect(memory().bytes).toBe(before.bytes + 4);
  });

  test('counts as a change of the whole when it is overwritten', () => {
    const x = zeros([4]);
    assign(partOf(x, 1, 2), zeros([2]));
    expect(versionOf(x)).toBe(1);
  });

  test('refuses elements that are not there', () => {
    expect(() => partOf(zeros([4]), 3, 2)).toThrow('partOf: size must be a whole number from 0 to 1, not 2');
    expect(() => partOf(zeros([4]), 5, 0)).toThrow(RangeError);
  });
});
