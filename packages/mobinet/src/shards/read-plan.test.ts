import { fc, test } from '@fast-check/vitest';
import { Rng } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import type { Catalog } from './catalog.js';
import { chunksOf, planPass, type ReadSizes } from './read-plan.js';

/** A catalog of images of these lengths, with a header before each. */
function catalogOf(shards: readonly (readonly number[])[]): Catalog {
  const start = shards.flatMap((lengths) => {
    let at = 0;
    return lengths.map((length) => {
      at += 512 + length;
      return at - length;
    });
  });
  return {
    folder: 'folder',
    shards: shards.map((_, index) => `${index}.tar`),
    names: start.map(String),
    labels: new Uint32Array(start.length),
    shard: Uint32Array.from(shards.flatMap((lengths, index) => lengths.map(() => index))),
    start: Float64Array.from(start),
    length: Uint32Array.from(shards.flat()),
    checksum: null,
  };
}

const sizes: ReadSizes = { chunk: 4000, window: 10_000, gap: 1500 };

const lengths = fc.array(fc.array(fc.integer({ min: 1, max: 6000 }), { minLength: 1, maxLength: 25 }), {
  minLength: 1,
  maxLength: 6,
});

/** A catalog, and some of its images, at least one. */
const choices = lengths.chain((shards) => {
  const catalog = catalogOf(shards);
  const all = Array.from(catalog.names, (_, position) => position);
  return fc
    .subarray(all, { minLength: 1 })
    .map((chosen) => ({ catalog, chosen: Uint32Array.from(chosen.sort((a, b) => a - b)) }));
});

describe('the plan of a pass', () => {
  test.prop([choices])('divides the images into small parts of shards', ({ catalog, chosen }) => {
    const chunks = chunksOf(catalog, chosen, sizes);
    expect(chunks.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i))).toEqual([
      ...chosen.keys(),
    ]);
    for (const { path, start, bytes, from, to } of chunks) {
      expect(bytes <= sizes.chunk || to - from === 1).toBe(true);
      for (let index = from; index < to; index++) {
        const position = chosen[index];
        expect(catalog.shards[catalog.shard[position]]).toBe(path);
        expect(catalog.start[position]).toBeGreaterThanOrEqual(start);
        expect(catalog.start[position] + catalog.length[position]).toBeLessThanOrEqual(start + bytes);
      }
    }
  });

  test.prop([choices, fc.option(fc.nat())])(
    'reads each image once, and little at a time',
    ({ catalog, chosen }, seed) => {
      const chunks = chunksOf(catalog, chosen, sizes);
      const plan = () => planPass(chunks, seed === null ? null : Rng.fromSeed(seed), sizes);
      const { order, windows } = plan();
      expect(plan()).toEqual({ order, windows });
      expect([...order].sort((a, b) => a - b)).toEqual([...chosen.keys()]);
      if (seed === null) expect([...order]).toEqual([...chosen.keys()]);
      // The images of a window come before those of the next.
      let at = 0;
      for (const window of windows) {
        const members = window.flatMap((chunk) => {
          const { from, to } = chunks[chunk];
          return Array.from({ length: to - from }, (_, i) => from + i);
        });
        expect(order.slice(at, at + members.length).sort()).toEqual(Int32Array.from(members).sort());
        at += members.length;
        const bytes = window.reduce((sum, chunk) => sum + chunks[chunk].bytes, 0);
        expect(bytes <= sizes.window || window.length === 1).toBe(true);
      }
      expect(at).toBe(order.length);
    },
  );

  test('differs between seeds, and mixes distant parts of the shards', () => {
    const catalog = catalogOf(Array.from({ length: 10 }, () => Array.from({ length: 100 }, () => 300)));
    const chunks = chunksOf(catalog, Uint32Array.from(catalog.names.keys()), sizes);
    const [one, other] = [1, 2].map((seed) => planPass(chunks, Rng.fromSeed(seed), sizes).order);
    expect(one).not.toEqual(other);
    const first = one.slice(0, 50);
    expect(new Set(Array.from(first, (index) => catalog.shard[index])).size).toBeGreaterThan(2);
    expect([...first]).not.toEqual([...first].sort((a, b) => a - b));
  });
});
