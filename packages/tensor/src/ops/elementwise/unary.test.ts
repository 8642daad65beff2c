import { test } from '@fast-check/vitest';
import { describe, expect, expectTypeOf } from 'vitest';
import { tensor, zeros } from '../../create.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, shapes, tensors, tensorsAwayFromZero } from '../../testing/index.js';
import { gradientOf, withoutDifferences } from '../borders.test.helper.js';
import { clip, gelu, leakyRelu, relu, sigmoid, tanh } from './activation.js';
import { maximum, minimum } from './binary.js';
import { cast } from './cast.js';
import { prelu } from './prelu.js';
import { abs, exp, log, neg, sign, sqrt, square } from './unary.js';

const small = shapes({ maxRank: 3, maxSize: 4 });
const anywhere = small.chain((shape) => tensors(shape));
const positive = small.chain((shape) => tensors(shape, { min: 0.25 }));
const awayFromZero = small.chain((shape) => tensorsAwayFromZero(shape));

/** Each function, its formula, and inputs where it is smooth. */
const functions = [
  [neg, (x: number) => -x, anywhere],
  [exp, Math.exp, anywhere],
  [square, (x: number) => x * x, anywhere],
  [log, Math.log, positive],
  [sqrt, Math.sqrt, positive],
  [abs, Math.abs, awayFromZero],
  [sign, (x: number) => (x < 0 ? -1 : 1), awayFromZero],
  [sigmoid, (x: number) => 1 / (1 + Math.exp(-x)), anywhere],
  [tanh, Math.tanh, anywhere],
  [relu, (x: number) => Math.max(x, 0), awayFromZero],
  [leakyRelu, (x: number) => (x < 0 ? 0.01 * x : x), awayFromZero],
] as const;

describe('functions of one tensor', () => {
  for (const [op, f, inputs] of functions) {
    test.prop([inputs], { numRuns: 30 })(`${op.name} computes its formula, and obeys the laws of ops`, (x) => {
      op(x).values.forEach((y, at) => {
        expect(y).toBeCloseTo(f(x.values[at]), 5);
      });
      checkOp((x: Tensor) => op(x), [x]);
    });
  }

  test.prop([anywhere], { numRuns: 30 })('gelu obeys the laws of ops', (x) => checkOp(gelu, [x]));

  test('gelu is close to x·Φ(x)', () => {
    const y = gelu(tensor([-1, 0, 1, 2])).values;
    [-0.158655, 0, 0.841345, 1.9545].forEach((exact, at) => {
      expect(Math.abs(y[at] - exact)).toBeLessThan(1e-3);
    });
  });

  test.prop([anywhere], { numRuns: 30 })('clip clamps to its bounds, and obeys the laws of ops', (x) => {
    // The elements of x are multiples of 1/64. The bounds lie between these, further from them than a step.
    const [min, max] = [-0.5 - 1 / 128, 1 + 1 / 128];
    expect([...clip(x, min, max).values]).toEqual([...x.values].map((v) => Math.max(min, Math.min(max, v))));
    checkOp((x: Tensor) => clip(x, min, max), [x], { step: 1 / 256 });
  });

  test('clip refuses bounds in the wrong order', () => {
    expect(() => clip(zeros([1]), 1, -1)).toThrow(RangeError);
  });

  test('the sign of 0 is +1', () => {
    expect([...sign(tensor([0, -0, 2, -2])).values]).toEqual([1, 1, 1, -1]);
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
