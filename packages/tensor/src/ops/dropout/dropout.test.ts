import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { memory } from '../../backend.js';
import { ones, tensor, zeros } from '../../create.js';
import { DTypeError, TraceError } from '../../errors.js';
import { twinOf } from '../../handles.js';
import { type RecordedCall, withKernels } from '../../op.js';
import { compile } from '../../program/compile.js';
import { Rng } from '../../random.js';
import { keep } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { checkOp } from '../../testing/index.js';
import { withRecorder } from '../../with-recorder.js';
import { gradientOf, rngs, withoutDifferences } from '../borders.test.helper.js';
import { countedDropout, dropout } from './dropout.js';
import { digitsOf } from './mask.js';

// Next to the ends of vectors of 4, groups of 128 and blocks of 1024 elements.
const sizes = fc.constantFrom(0, 1, 3, 4, 5, 127, 128, 129, 1021, 1024, 1027, 2500);
/** Rates of one digit, of a few, of all 32, and so close to 0 and 1 that none is left. */
const rates = fc.constantFrom(0, 0.5, 0.25, 0.625, 0.1, 0.3, 0.9, 1, 2 ** -32, 1e-12, 1 - 2 ** -30, 1 - 1e-12);

const shareOf = ({ values }: Tensor, isCounted: (value: number, at: number) => boolean): number =>
  values.reduce((count, value, at) => count + Number(isCounted(value, at)), 0) / values.length;

describe('dropout', () => {
  test.prop([sizes, rates, rngs], { numRuns: 60 })('obeys the laws of ops', (size, rate, rng) => {
    const f = (x: Tensor): Tensor => dropout(x, { rate, rng: rng.split('mask') });
    checkOp(f, [rng.normal([size])], { gradient: size < 10 && rate < 0.99 });
  });

  test.prop([sizes, rates.filter((rate) => rate < 1), rngs], { numRuns: 30 })(
    'has the gradient of its definition',
    (size, rate, rng) => {
      const f = (x: Tensor): Tensor => dropout(x, { rate, rng: rng.split('mask') });
      checkOp(gradientOf(f, 0), [rng.normal([size]), rng.normal([size])], withoutDifferences);
    },
  );

  test.prop([sizes, rates, rngs], { numRuns: 60 })('draws the same bits by every kernel', (size, rate, rng) => {
    const drawn = (tier: 'fast' | 'reference') =>
      withKernels(tier, () => [...dropout(ones([size]), { rate, rng: rng.split('mask') }).values]);
    expect(drawn('fast')).toEqual(drawn('reference'));
  });

  test.each([0.1, 0.25, 0.5, 0.77])('drops with probability %d, and keeps the mean', (rate) => {
    const size = 200_000;
    const y = dropout(ones([size]), { rate, rng: Rng.fromSeed(3) });
    const fiveErrors = 5 * Math.sqrt((rate * (1 - rate)) / size);
    expect(Math.abs(shareOf(y, (value) => value === 0) - rate)).toBeLessThan(fiveErrors);
    expect(shareOf(y, (value) => value === Math.fround(1 / (1 - rate)) || value === 0)).toBe(1);
    // Neighbors in a row, in a vector, in a group and in a block, and the same places of both, are independent.
    for (const distance of [1, 4, 128, 1024]) {
      const both = shareOf(y, (value, at) => value === 0 && y.values[at + distance] === 0);
      expect(Math.abs(both - rate ** 2), `${distance} apart`).toBeLessThan(2 * fiveErrors + distance / size);
    }
  });

  test('draws another mask at each call, which the state of the generator determines', () => {
    const rng = Rng.fromSeed(5);
    const draw = (from: Rng): string => dropout(ones([64]), { rng: from }).values.join();
    const { state } = rng;
    const [first, second] = [draw(rng), draw(rng)];
    expect(second).not.toBe(first);
    const again = Rng.fromState(state);
    expect([draw(again), draw(again)]).toEqual([first, second]);
  });

  test('draws another mask for each number of earlier draws', () => {
    const { key } = Rng.fromSeed(6);
    const masks = [0, 1, 2, 2 ** 24].map((draws) =>
      countedDropout(ones([64]), tensor(draws), { rate: 0.5, key }).values.join(),
    );
    expect(new Set(masks).size).toBe(4);
  });

  test('has the digits of a rate', () => {
    expect(digitsOf(0)).toEqual({ word: 0, count: 0 });
    expect(digitsOf(0.5)).toEqual({ word: 2 ** 31, count: 1 });
    expect(digitsOf(0.625)).toEqual({ word: 5 * 2 ** 29, count: 3 });
    expect(digitsOf(2 ** -32)).toEqual({ word: 1, count: 32 });
    expect(digitsOf(1 - 1e-12)).toEqual({ word: 2 ** 32 - 1, count: 32 });
  });

  test('multiplies by 0, as PyTorch does, so that infinities and NaN become NaN', () => {
    const x = tensor([1, -1, Number.POSITIVE_INFINITY, Number.NaN]);
    expect([...dropout(x, { rate: 1, rng: Rng.fromSeed(0) }).values]).toEqual([0, -0, Number.NaN, Number.NaN]);
    const y = dropout(tensor(new Float32Array(1000).fill(Number.POSITIVE_INFINITY)), { rng: Rng.fromSeed(0) });
    expect(new Set(y.values)).toEqual(new Set([Number.NaN, Number.POSITIVE_INFINITY]));
  });

  test('keeps a mask of one bit per element for its gradient, and nothing otherwise', () => {
    const x = ones([4096]);
    const bytesOf = (f: () => Tensor): number => {
      const before = memory().bytes;
      const y = f();
      return memory().bytes - before - y.byteLength;
    };
    expect(bytesOf(() => dropout(x, { rng: Rng.fromSeed(0) }))).toBe(0);
    const record = ({ saved }: RecordedCall) => saved.map((tensor) => keep(twinOf(tensor)));
    expect(bytesOf(() => withRecorder({ record }, () => dropout(x, { rng: Rng.fromSeed(0) })))).toBe(4096 / 8);
  });

  test('explains wrong arguments', () => {
    const rng = Rng.fromSeed(0);
    expect(() => dropout(ones([2]), { rate: 1.5, rng })).toThrow(
      new RangeError('dropout: rate must be a number from 0 to 1, not 1.5'),
    );
    // @ts-expect-error the generator is missing
    expect(() => dropout(ones([2]), { rate: 0.5 })).toThrow(TypeError);
    // @ts-expect-error an unknown option
    expect(() => dropout(ones([2]), { p: 0.5, rng })).toThrow('dropout has no option "p"');
    // @ts-expect-error integers cannot be scaled
    expect(() => dropout(zeros([2], 'i32'), { rng })).toThrow(
      new DTypeError("dropout: x must be f32, not i32. Use cast(x, 'f32')."),
    );
    expect(() => compile((x) => dropout(x as Tensor, { rng }), [ones([2])])).toThrow(TraceError);
  });
});
