import { fc, test } from '@fast-check/vitest';
import { describe, expect, expectTypeOf } from 'vitest';
import { tensor, zeros } from '../../create.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, shapes, tensors, tensorsAwayFromZero } from '../../testing/index.js';
import { gradientOf, rngs, withoutDifferences } from '../borders.test.helper.js';
import { clip, leakyRelu, relu, sigmoid, tanh } from './activation.js';
import { add, maximum, minimum } from './binary.js';
import { cast } from './cast.js';
import { elu } from './elu.js';
import { erf } from './erf.js';
import { hardSwish } from './hard-swish.js';
import { expm1, log1p } from './near-zero.js';
import { prelu } from './prelu.js';
import { ceil, floor, round, trunc } from './rounding.js';
import { silu } from './silu.js';
import { cos, sin, tan } from './trigonometric.js';
import { abs, exp, log, neg, sign, sqrt, square } from './unary.js';

const small = shapes({ maxRank: 3, maxSize: 4 });
const anywhere = small.chain((shape) => tensors(shape));
const positive = small.chain((shape) => tensors(shape, { min: 0.25 }));
const awayFromZero = small.chain((shape) => tensorsAwayFromZero(shape));
const betweenPoles = small.chain((shape) => tensors(shape, { min: -1, max: 1 }));

/** Each function, its formula, and inputs where it is smooth. */
const functions = [
  [neg, (x: number) => -x, anywhere],
  [exp, Math.exp, anywhere],
  [square, (x: number) => x * x, anywhere],
  [log, Math.log, positive],
  [sqrt, Math.sqrt, positive],
  [abs, Math.abs, awayFromZero],
  [sign, (x: number) => (x < 0 ? -1 : 1), awayFromZero],
  [sin, Math.sin, anywhere],
  [cos, Math.cos, anywhere],
  [tan, Math.tan, betweenPoles],
  [log1p, Math.log1p, positive],
  [expm1, Math.expm1, anywhere],
  [erf, (x: number) => integral((t) => (2 / Math.sqrt(Math.PI)) * Math.exp(-t * t), x), anywhere],
  [sigmoid, (x: number) => 1 / (1 + Math.exp(-x)), anywhere],
  [tanh, Math.tanh, anywhere],
  [relu, (x: number) => Math.max(x, 0), awayFromZero],
  [leakyRelu, (x: number) => (x < 0 ? 0.01 * x : x), awayFromZero],
  [silu, (x: number) => x / (1 + Math.exp(-x)), anywhere],
  [elu, (x: number) => (x < 0 ? Math.exp(x) - 1 : x), awayFromZero],
] as const;

/** ∫₀ˣ f(t) dt by Simpson's rule. */
function integral(f: (t: number) => number, x: number): number {
  const steps = 64;
  const h = x / steps;
  const weights = Array.from({ length: steps + 1 }, (_, k) => (k === 0 || k === steps ? 1 : k % 2 === 0 ? 2 : 4));
  return (h / 3) * weights.reduce((sum, weight, k) => sum + weight * f(k * h), 0);
}

describe('functions of one tensor', () => {
  for (const [op, f, inputs] of functions) {
    test.prop([inputs], { numRuns: 30 })(`${op.name} computes its formula, and obeys the laws of ops`, (x) => {
      op(x).values.forEach((y, at) => {
        expect(y).toBeCloseTo(f(x.values[at]), 5);
      });
      checkOp((x: Tensor) => op(x), [x]);
    });
  }

  test.prop([anywhere], { numRuns: 30 })('hardSwish obeys the laws of ops', (x) => {
    // The elements of x are multiples of 1/64, and its kinks, at −3 and 3, are not to be reached by a step.
    checkOp((x: Tensor) => hardSwish(x), [add(x, 1 / 128)], { step: 1 / 256 });
  });

  test('hardSwish is 0 up to −3, and x from 3 on', () => {
    expect([...hardSwish(tensor([-100, -3, -1, 0, 1, 3, 100])).values]).toEqual([
      ...[-0, -0, Math.fround(-1 / 3), 0, Math.fround(2 / 3), 3, 100],
    ]);
  });

  test.prop([fc.float({ min: 3, noNaN: true, noDefaultInfinity: true })])('hardSwish keeps numbers from 3 on', (x) => {
    expect(hardSwish(tensor([x])).values[0]).toBe(x);
  });

  test.prop([anywhere], { numRuns: 30 })('clip clamps to its bounds, and obeys the laws of ops', (x) => {
    // The elements of x are multiples of 1/64. The bounds lie between these, further from them than a step.
    const [min, max] = [-0.5 - 1 / 128, 1 + 1 / 128];
    expect([...clip(x, min, max).values]).toEqual([...x.values].map((v) => Math.max(min, Math.min(max, v))));
    checkOp((x: Tensor) => clip(x, min, max), [x], { step: 1 / 256 });
    checkOp((x: Tensor) => clip(x, min), [x], { step: 1 / 256 });
    checkOp((x: Tensor) => clip(x, undefined, max), [x], { step: 1 / 256 });
  });

  test('clip refuses bounds in the wrong order', () => {
    expect(() => clip(zeros([1]), 1, -1)).toThrow(new RangeError('clip: min 1 is above max -1'));
    expect(() => clip(zeros([1]), Number.NaN)).toThrow(RangeError);
  });

  test('clip has no bounds but those that it is given, and keeps NaN', () => {
    const x = tensor([Number.NEGATIVE_INFINITY, -2, 3, Number.POSITIVE_INFINITY, Number.NaN]);
    expect(clip(x).values).toEqual(x.values);
    expect([...clip(x, 0).values]).toEqual([0, 0, 3, Number.POSITIVE_INFINITY, Number.NaN]);
    expect([...clip(x, undefined, 1).values]).toEqual([Number.NEGATIVE_INFINITY, -2, 1, 1, Number.NaN]);
    // −0 is not below 0.
    expect(clip(tensor([-0]), 0, 1).values[0]).toBe(-0);
  });

  test.prop([fc.constantFrom(sin, cos), rngs], { numRuns: 10 })(
    'sine and cosine are accurate for large angles, on a GPU up to 8000',
    (op, rng) => {
      checkOp((x: Tensor) => op(x), [rng.uniform([200], -8000, 8000)], withoutDifferences);
      checkOp((x: Tensor) => op(x), [rng.uniform([200], -1e30, 1e30)], { ...withoutDifferences, gpu: false });
    },
  );

  test('the sign of 0 is +1', () => {
    expect([...sign(tensor([0, -0, 2, -2])).values]).toEqual([1, 1, 1, -1]);
  });
});

describe('rounding', () => {
  // Multiples of 1/64, shifted away from whole numbers and halves by more than a step.
  const betweenJumps = anywhere.map((x) => add(x, 1 / 128));
  for (const op of [floor, ceil, round, trunc]) {
    test.prop([betweenJumps], { numRuns: 30 })(`${op.name} obeys the laws of ops`, (x) => {
      checkOp((x: Tensor) => op(x), [x], { step: 1 / 256 });
    });
  }

  test('goes down, up, to the nearest number, and towards zero', () => {
    const x = tensor([-2.7, -2.5, -1.5, -0.5, -0, 0.5, 1.5, 2.5, 2.7]);
    expect([...floor(x).values]).toEqual([-3, -3, -2, -1, -0, 0, 1, 2, 2]);
    expect([...ceil(x).values]).toEqual([-2, -2, -1, -0, -0, 1, 2, 3, 3]);
    expect([...round(x).values]).toEqual([-3, -2, -2, -0, -0, 0, 2, 2, 3]);
    expect([...trunc(x).values]).toEqual([-2, -2, -1, -0, -0, 0, 1, 2, 2]);
  });

  test('keeps whole numbers, however large, infinities and NaN', () => {
    const x = tensor([2 ** 23 + 1, -(2 ** 24), 3e38, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]);
    for (const op of [floor, ceil, round, trunc]) expect(op(x).values).toEqual(x.values);
    expect([...round(tensor([0.49999997, 8388607.5])).values]).toEqual([0, 8388608]);
  });
});

describe('prelu', () => {
  const inputs = shapes({ minRank: 1 }).chain((shape) => tensorsAwayFromZero(shape));

  test.prop([inputs, tensors([5])], { numRuns: 40 })('obeys the laws of ops', (x, slopes) => {
    const channels = x.shape[x.rank - 1];
    const slope = tensor(slopes.values.slice(0, channels));
    prelu(x, slope).values.forEach((y, at) => {
      expect(y).toBe(Math.fround(x.values[at] >= 0 ? x.values[at] : slope.values[at % channels] * x.values[at]));
    });
    checkOp(prelu, [x, slope]);
  });

  test('explains slopes of the wrong shape', () => {
    expect(() => prelu(zeros([2, 3]), zeros([2]))).toThrow(
      [
        'prelu: slope must have one element per channel of x',
        '  x      [2, 3]  …, channels',
        '  slope  [2]     channels',
        'Hint: The channels are the last axis of x.',
      ].join('\n'),
    );
  });
});

describe('cast', () => {
  test('converts as typed arrays do', () => {
    const x = tensor([1.9, -1.9, 300]);
    expect([...cast(x, 'i32').values]).toEqual([1, -1, 300]);
    expect([...cast(x, 'u8').values]).toEqual([1, 255, 44]);
    expectTypeOf(cast(x, 'u8')).toEqualTypeOf<Tensor<'u8'>>();
  });

  test.prop([anywhere], { numRuns: 10 })('passes the gradient from f32 to f32', (x) => {
    checkOp((x: Tensor) => cast(x, 'f32'), [x]);
  });
});

describe('at 0 and at ties, where the derivative is a matter of choice', () => {
  const [dy, x, tied] = [tensor([1, -2, 3, 4]), tensor([0, -0, 1, -1]), tensor([0, 0, 1, -2])];
  const slope = tensor([0.25, -0.5, 2, 3]);
  const rules: Record<string, [op: (...inputs: Tensor[]) => Tensor, inputs: Tensor[]]> = {
    abs: [abs, [x]],
    relu: [relu, [x]],
    leakyRelu: [(x) => leakyRelu(x, 0.2), [x]],
    clip: [(x) => clip(x, -1, 0), [x]],
    elu: [(x) => elu(x, { alpha: 0.5 }), [x]],
    hardSwish: [hardSwish, [tensor([-3, 3, -0, 1])]],
    prelu: [prelu, [x, slope]],
    maximum: [(a, b) => maximum(a, b), [x, tied]],
    minimum: [(a, b) => minimum(a, b), [x, tied]],
  };

  test.each(Object.entries(rules))('every kernel follows the rule of the definition: %s', (_, [op, inputs]) => {
    inputs.forEach((_, input) => {
      checkOp(gradientOf(op, input), [dy, ...inputs], withoutDifferences);
    });
  });
});
