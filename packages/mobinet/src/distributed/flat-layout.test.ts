import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { FlatLayout } from './flat-layout.js';

const layouts = fc.record({
  sizes: fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 12 }),
  ranks: fc.integer({ min: 1, max: 5 }),
  bucket: fc.integer({ min: 32, max: 2000 }),
});

describe('FlatLayout', () => {
  test.prop([layouts])('gives each element of each parameter to exactly one rank', ({ sizes, ...options }) => {
    const named = sizes.map((size, index): [string, number] => [`p${index}`, size]);
    const layout = new FlatLayout(named, options);
    expect(layout.slice % 32).toBe(0);
    const owners = new Map<string, number[]>(named.map(([name, size]) => [name, new Array<number>(size).fill(0)]));
    const { segments, bucket, slice } = layout;
    for (let rank = 0; rank < options.ranks; rank++) {
      const taken = new Set<number>();
      for (const { name, from, size, place } of layout.piecesOf(rank)) {
        expect(size).toBeGreaterThan(0);
        expect(place + size).toBeLessThanOrEqual(layout.ownLength);
        // The place among the slices of the rank is that of the elements in the vector.
        const { offset } = segments.find((segment) => segment.name === name)!;
        expect(Math.floor(place / slice) * bucket + rank * slice + (place % slice)).toBe(offset + from);
        for (let i = 0; i < size; i++) {
          owners.get(name)![from + i]++;
          expect(taken.has(place + i)).toBe(false);
          taken.add(place + i);
        }
      }
    }
    for (const counts of owners.values()) expect(counts.every((count) => count === 1)).toBe(true);
  });

  test('pads each parameter to whole words of signs, and the vector to equal slices', () => {
    const { segments, length, slice, buckets } = new FlatLayout(
      [
        ['a', 5],
        ['b', 33],
        ['c', 32],
      ],
      { ranks: 3 },
    );
    expect(segments.map(({ offset }) => offset)).toEqual([0, 32, 96]);
    expect({ length, slice, buckets }).toEqual({ length: 192, slice: 64, buckets: 1 });
  });
});
