import { readFileSync } from 'node:fs';
import * as ops from '@mobinet/tensor';
import { type Shape, type Tensor, tensor } from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import { describe, expect, test } from 'vitest';
import { gradient } from './differentiate.js';
import { crossEntropy } from './losses.js';

// Zeros of either sign, ties, NaN, infinities and denormal numbers: our values and gradients are those of PyTorch, as
// recorded by `scripts/torch-special-values.py`.

interface Case {
  readonly op: string;
  readonly inputs: readonly { readonly shape: Shape; readonly values: readonly Written[] }[];
  readonly y: readonly Written[];
  /** With respect to each input, if the gradient of each element of the result is −2. */
  readonly gradients?: readonly (readonly Written[])[];
}

/** A number in JSON, or a word for those that JSON cannot express. */
type Written = number | '-0.0' | 'nan' | 'inf' | '-inf';

const numberOf = (written: Written): number => (typeof written === 'number' ? written : words[written]);
const words = { '-0.0': -0, nan: Number.NaN, inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY };

const { cases } = JSON.parse(
  readFileSync(new URL('../fixtures/torch-special-values.json', import.meta.url), 'utf8'),
) as { cases: Case[] };

/** Pools each row of four numbers as one window. */
const pooled = (pool: typeof ops.maxPool2d) => (x: Tensor) =>
  pool(ops.reshape(x, [x.shape[0], 2, 2, 1]), { window: 2 });

/** The cases that are not named after an exported operation. */
const functions: Record<string, (...inputs: Tensor[]) => Tensor> = {
  leakyRelu: (x) => ops.leakyRelu(x, 0.2),
  clip: (x) => ops.clip(x, -0.5, 2),
  'clip below': (x) => ops.clip(x, 0.5),
  'clip above': (x) => ops.clip(x, undefined, 0.5),
  'softplus with options': (x) => ops.softplus(x, { beta: 2, threshold: 1.5 }),
  'elu with options': (x) => ops.elu(x, { alpha: 0.5 }),
  'gelu by tanh': (x) => ops.gelu(x, { approximate: 'tanh' }),
  'square by pow': (x) => ops.pow(x, 2),
  'itself by pow': (x) => ops.pow(x, 1),
  'one by pow': (x) => ops.pow(x, 0),
  'reciprocal by pow': (x) => ops.pow(x, -1),
  prelu: (x, slope) => ops.prelu(ops.reshape(x, [x.size, 1]), slope),
  where: (a, b) => ops.where(ops.greater(a, b), a, b),
  sum: (x) => ops.sum(x, { axes: -1 }),
  mean: (x) => ops.mean(x, { axes: -1 }),
  variance: (x) => ops.variance(x, { axes: -1 }),
  max: (x) => ops.max(x, { axes: -1 }),
  min: (x) => ops.min(x, { axes: -1 }),
  prod: (x) => ops.prod(x, { axes: -1 }),
  std: (x) => ops.std(x, { axes: -1 }),
  logSumExp: (x) => ops.logSumExp(x, { axes: -1 }),
  norm: (x) => ops.norm(x, { axes: -1 }),
  'norm of order 1': (x) => ops.norm(x, { axes: -1, p: 1 }),
  'norm of order 3': (x) => ops.norm(x, { axes: -1, p: 3 }),
  'largest magnitude': (x) => ops.norm(x, { axes: -1, p: Number.POSITIVE_INFINITY }),
  any: (x) => ops.cast(ops.any(x, { axes: -1 }), 'f32'),
  all: (x) => ops.cast(ops.all(x, { axes: -1 }), 'f32'),
  'max of all axes': (x) => ops.max(ops.reshape(x, [2, 2])),
  maxPool2d: pooled(ops.maxPool2d),
  minPool2d: pooled(ops.minPool2d),
  avgPool2d: pooled(ops.avgPool2d),
  batchNorm: (x, gamma, beta) => ops.batchNorm(ops.reshape(x, [x.size, 1]), gamma, beta).output,
  crossEntropy: (x) => crossEntropy(x, tensor([1], { dtype: 'i32' })),
  'smoothed crossEntropy': (x) => crossEntropy(x, tensor([1], { dtype: 'i32' }), { labelSmoothing: 0.1 }),
};

const functionOf = (op: string) => functions[op] ?? (ops as unknown as typeof functions)[op];

/**
 * Lists the elements that differ. NaN must be NaN, and an infinity the same infinity. Denormal numbers may be 0, as
 * they sometimes are in PyTorch.
 */
function differences(expected: readonly Written[], found: Tensor, isGradient: boolean): string[] {
  expect(found.size).toBe(expected.length);
  return expected.flatMap((written, at) => {
    const [exact, value] = [numberOf(written), found.values[at]];
    const isNear = Math.abs(value - exact) <= 2e-6 * Math.abs(exact) + (isGradient ? 5e-7 : 2 ** -126);
    return Object.is(value, exact) || value === exact || isNear ? [] : [`${at}: ${value}, not ${exact}`];
  });
}

describe.each(['fast', 'reference'] as const)('special values (%s)', (tier) => {
  test.each(cases)('$op of $inputs.0.values has the value and gradients of PyTorch', ({ op, inputs, y, gradients }) => {
    const given = inputs.map(({ shape, values }) => tensor(Float32Array.from(values, numberOf), { shape }));
    const f = functionOf(op);
    withKernels(tier, () => {
      expect(differences(y, f(...given), false)).toEqual([]);
      const loss = (inputs: Tensor[]) => ops.sum(ops.mul(f(...inputs), -2));
      gradients?.forEach((expected, input) => {
        expect(differences(expected, gradient(loss)(given)[input], true), `gradient of input ${input}`).toEqual([]);
      });
    });
  });
});
