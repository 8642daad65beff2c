import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { withBackend } from '../../backend.js';
import { tensor, zeros } from '../../create.js';
import { assign, toBackend, toHost } from '../../move.js';
import { bitConv2d } from '../../ops/bits/bit-conv2d.js';
import { packBits } from '../../ops/bits/pack-bits.js';
import { greater } from '../../ops/elementwise/compare.js';
import { where } from '../../ops/elementwise/where.js';
import { mean } from '../../ops/reduce/mean.js';
import { sum } from '../../ops/reduce/sum.js';
import { broadcastTo } from '../../ops/shape/broadcast-to.js';
import { concat } from '../../ops/shape/concat.js';
import { gather } from '../../ops/shape/gather.js';
import { pad } from '../../ops/shape/pad.js';
import { slice } from '../../ops/shape/slice.js';
import { transpose } from '../../ops/shape/transpose.js';
import { Rng } from '../../random.js';
import { sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, shapes } from '../../testing/index.js';

type Narrow = 'u8' | 'i16';

const dtypes = fc.constantFrom<Narrow>('u8', 'i16');

/** A tensor [rows, columns] of random bits, whose rows rarely fill words. */
const matrices = fc.record({
  dtype: dtypes,
  shape: shapes({ minRank: 2, maxRank: 2, maxSize: 9 }),
  seed: fc.nat(),
});

function random(dtype: Narrow, shape: readonly number[], rng: Rng): Tensor<Narrow> {
  const values = Array.from({ length: sizeOf(shape) }, () => rng.integer(65536) - (dtype === 'u8' ? 0 : 32768));
  return tensor(values, { dtype, shape });
}

describe('elements narrower than a word', () => {
  test.prop([matrices], { numRuns: 20 })('keep their values on a GPU, in as many bytes', async (matrix) => {
    const x = random(matrix.dtype, matrix.shape, Rng.fromSeed(matrix.seed));
    const onGpu = toBackend(x, 'webgpu');
    expect(onGpu.block.byteLength).toBe(4 * Math.ceil(x.values.byteLength / 4));
    expect(await onGpu.data()).toEqual(x.values);
    const target = withBackend('webgpu', () => zeros(matrix.shape, matrix.dtype));
    expect((await target.data()).every((value) => value === 0)).toBe(true);
    assign(target, x);
    expect((await toHost(target, { salvage: true })).values).toEqual(x.values);
  });

  test.prop([matrices], { numRuns: 40 })('are copied one by one', ({ dtype, shape: [rows, columns], seed }) => {
    const rng = Rng.fromSeed(seed);
    const [x, other] = ['x', 'other'].map((name) => random(dtype, [rows, columns], rng.split(name)));
    const indices = tensor(
      Array.from({ length: rng.integer(7) + 1 }, () => rng.integer(columns)),
      { dtype: 'i32' },
    );
    const unary = [
      (x: Tensor<Narrow>) => transpose(x),
      (x: Tensor<Narrow>) => slice(x, [rows >> 1, columns >> 1]),
      (x: Tensor<Narrow>) =>
        pad(
          x,
          [
            [1, 2],
            [3, 1],
          ],
          { value: 7 },
        ),
      (x: Tensor<Narrow>) => broadcastTo(x, [3, rows, columns]),
      (x: Tensor<Narrow>) => sum(x),
      (x: Tensor<Narrow>) => sum(x, { axes: [0] }),
      (x: Tensor<Narrow>) => mean(x, { axes: [1] }),
    ];
    for (const f of unary) checkOp(f as (x: Tensor<Narrow>) => Tensor, [x], { gradient: false });
    const picked = (x: Tensor<Narrow>, indices: Tensor<'i32'>) => gather(x, indices, 1);
    checkOp(picked, [x, indices], { gradient: false });
    const binary = [
      (x: Tensor<Narrow>, y: Tensor<Narrow>) => concat([x, y, x], 1),
      (x: Tensor<Narrow>, y: Tensor<Narrow>) => greater(x, y),
      (x: Tensor<Narrow>, y: Tensor<Narrow>) => where(greater(x, 99), x, y),
    ];
    for (const f of binary) checkOp(f, [x, other], { gradient: false });
  });

  test.prop(
    [
      fc.record({
        dtype: dtypes,
        pixels: fc.constantFrom([1, 1], [5, 7], [24, 24]),
        channels: fc.constantFrom(7, 32, 100),
        filters: fc.constantFrom(4, 6, 8, 60, 64, 68, 132),
        seed: fc.nat(),
      }),
    ],
    { numRuns: 20 },
  )('are counts of 1×1 filters', ({ dtype, pixels, channels, filters, seed }) => {
    const rng = Rng.fromSeed(seed);
    const x = packBits(rng.normal([1, ...pixels, channels]));
    const filter = packBits(rng.normal([filters, 1, 1, channels]));
    checkOp((x, filter) => bitConv2d(x, filter, { dtype }), [x, filter], { gradient: false });
  });

  test.prop(
    [
      fc.record({
        dtype: dtypes,
        groups: fc.integer({ min: 1, max: 8 }),
        groupChannels: fc.constantFrom(1, 3, 8, 21),
        groupFilters: fc.integer({ min: 1, max: 4 }),
        seed: fc.nat(),
      }),
    ],
    { numRuns: 40 },
  )('are counts of groups that fill words or not', ({ dtype, groups, groupChannels, groupFilters, seed }) => {
    const rng = Rng.fromSeed(seed);
    const x = packBits(rng.normal([2, 5, 3, groups * groupChannels]));
    const filter = packBits(rng.normal([groups * groupFilters, 3, 3, groupChannels]));
    const options = { dtype, groups, padding: 'same', paddingValue: 'one' } as const;
    checkOp((x, filter) => bitConv2d(x, filter, options), [x, filter], { gradient: false });
  });
});
