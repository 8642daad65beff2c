import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { setThreads } from '../../backends/cpu/threads.js';
import type { BitTensor } from '../../bit-tensor.js';
import { Rng } from '../../random.js';
import type { Tensor } from '../../tensor.js';
import { checkOp } from '../../testing/index.js';
import { type BitConv2dOptions, bitConv2dAttributes } from './bit-conv2d-attributes.js';
import { bitConv2dFilterGradient, bitConv2dInputGradient, hasLookup } from './bit-conv2d-gradients.js';
import { packBits } from './pack-bits.js';

interface Convolution {
  readonly x: readonly number[];
  readonly filter: readonly number[];
  readonly options: BitConv2dOptions;
  readonly seed: number;
}

/**
 * 1×1 filters with sizes on and next to the 32 lanes, the 4 and 5 rows of a table, and the 32 and 40 rows of a chunk;
 * and rows so long that they are read ahead.
 */
const pointwise: fc.Arbitrary<Convolution> = fc
  .record({
    pixels: fc.constantFrom(1, 3, 16, 17, 31, 33, 40, 41, 70),
    channels: fc.constantFrom(1, 7, 16, 31, 33, 64, 100, 161, 290),
    filters: fc.constantFrom(1, 5, 16, 17, 32, 33, 40, 65, 90, 257),
    seed: fc.nat(),
  })
  .map(({ pixels, channels, filters, seed }) => ({
    x: [1, 1, pixels, channels],
    filter: [filters, 1, 1, channels],
    options: {},
    seed,
  }));

/** Groups of 4, 8 and 16 channels, with more and fewer images than lanes, and rows that do not fill tables of four. */
const grouped: fc.Arbitrary<Convolution> = fc
  .record({
    batch: fc.constantFrom(1, 3, 8, 9),
    height: fc.integer({ min: 1, max: 5 }),
    width: fc.constantFrom(1, 3, 4, 6, 9, 35),
    groups: fc.integer({ min: 1, max: 5 }),
    channels: fc.constantFrom(4, 8, 16),
    kernel: fc.constantFrom([3, 3] as const, [1, 3] as const, [5, 3] as const, [2, 2] as const),
    padding: fc.constantFrom('same' as const, 1, [0, 2] as const, [3, 1] as const),
    paddingValue: fc.constantFrom('one' as const, 'zero' as const),
    seed: fc.nat(),
  })
  .map(({ batch, height, width, groups, channels, kernel, padding, paddingValue, seed }) => ({
    x: [batch, height, width, groups * channels],
    filter: [groups * channels, ...kernel, channels],
    options: { groups, padding, paddingValue },
    seed,
  }))
  .filter(({ x, filter, options: { padding } }) => {
    const [, before] = typeof padding === 'object' ? padding : [0, 1];
    const above = typeof padding === 'object' ? padding[0] : 1;
    return padding === 'same' || (x[1] + 2 * above >= filter[1] && x[2] + 2 * before >= filter[2]);
  });

function check({ x: xShape, filter: filterShape, options, seed }: Convolution): void {
  const rng = Rng.fromSeed(seed);
  const [x, filter] = [packBits(rng.normal(xShape)), packBits(rng.normal(filterShape))];
  const attributes = bitConv2dAttributes('test', xShape, filterShape, options);
  expect(hasLookup(filterShape, attributes)).toBe(true);
  const { height, width } = attributes.window;
  const dy = rng.normal([xShape[0], height.output, width.output, filterShape[0]]);
  const scale = rng.normal([filterShape[0]]);
  const check = { gradient: false };
  checkOp(
    (dy: Tensor, filter: BitTensor) => bitConv2dInputGradient(dy, filter, xShape, attributes),
    [dy, filter],
    check,
  );
  checkOp(
    (dy: Tensor, filter: BitTensor, scale: Tensor) => bitConv2dInputGradient(dy, filter, xShape, attributes, scale),
    [dy, filter, scale],
    check,
  );
  checkOp((dy: Tensor, x: BitTensor) => bitConv2dFilterGradient(dy, x, filterShape, attributes), [dy, x], check);
}

describe('gradients by lookup tables', () => {
  test.prop([pointwise], { numRuns: 60 })('of 1×1 filters agree with their definition', check);
  test.prop([grouped], { numRuns: 120 })('of small groups agree with their definition', check);

  test('have the same bits on 1, 2 and 3 threads', async () => {
    const rng = Rng.fromSeed(1);
    const [dy, x, filter] = [rng.normal([1, 1, 70, 257]), rng.normal([1, 1, 70, 290]), rng.normal([257, 1, 1, 290])];
    const [signsOfX, signs] = [packBits(x), packBits(filter)];
    const attributes = bitConv2dAttributes('test', x.shape, filter.shape, {});
    const found: Float32Array[][] = [];
    for (const threads of [1, 2, 3]) {
      await setThreads(threads);
      const gradients = [
        bitConv2dInputGradient(dy, signs, x.shape, attributes),
        bitConv2dFilterGradient(dy, signsOfX, filter.shape, attributes),
      ];
      found.push(gradients.map(({ values }) => values.slice()));
    }
    await setThreads(1);
    expect(found[1]).toEqual(found[0]);
    expect(found[2]).toEqual(found[0]);
  });

  test('are used for 1×1 filters and small groups only', () => {
    const lookup = (filter: number[], options: BitConv2dOptions, channels: number) =>
      hasLookup(filter, bitConv2dAttributes('test', [1, 9, 9, channels], filter, options));
    expect(lookup([5, 1, 1, 7], {}, 7)).toBe(true);
    expect(lookup([5, 1, 1, 7], { stride: 2 }, 7)).toBe(false);
    expect(lookup([16, 3, 3, 8], { groups: 2, padding: 'same' }, 16)).toBe(true);
    expect(lookup([16, 3, 3, 8], { groups: 2, padding: 'same', paddingValue: 'zero' }, 16)).toBe(true);
    expect(lookup([16, 3, 3, 8], { groups: 2, stride: 2 }, 16)).toBe(false);
    expect(lookup([8, 3, 3, 2], { groups: 4, padding: 'same' }, 8)).toBe(false);
  });
});
