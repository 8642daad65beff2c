import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { gpu } from './gpu.js';

test.prop([fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 20 }), fc.infiniteStream(fc.nat())])(
  'a pool returns the same buffers for the same requests, in whatever order they were released',
  (sizes, random) => {
    const { pool } = gpu();
    const take = () => sizes.map((size) => pool.take(size, 'a test'));
    const first = take();
    const places = new Map(first.map((buffer) => [buffer, random.next().value]));
    for (const buffer of first.toSorted((a, b) => places.get(a)! - places.get(b)!)) pool.release(buffer);
    const { count } = pool;
    const second = take();
    expect(second.every((buffer, k) => buffer === first[k])).toBe(true);
    expect(new Set(second).size).toBe(sizes.length);
    expect(pool.count).toBe(count);
    for (const buffer of second) pool.release(buffer);
  },
);
