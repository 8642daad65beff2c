import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor } from '../create.js';
import { withKernels } from '../op.js';
import type { Tensor } from '../tensor.js';
import { checkOp } from '../testing/index.js';
import { borderChannels, gradientOf, rngs, sprinkled, withoutDifferences } from './borders.test.helper.js';
import { gelu, leakyRelu, relu, sigmoid, tanh } from './elementwise/activation.js';
import { flushTiny } from './elementwise/flush-tiny.js';
import { prelu } from './elementwise/prelu.js';
import { flushed, smallestGradient } from './flush.js';
import { batchNorm } from './norm/batch-norm.js';
import { logSoftmax, softmax } from './softmax/softmax.js';

/** Gradients of functions that saturate or normalize, as functions of dy, x and vectors of its channels. */
const gradients: Record<string, (dy: Tensor, x: Tensor, ...vectors: Tensor[]) => Tensor> = {
  relu: gradientOf(relu, 0),
  leakyRelu: gradientOf((x) => leakyRelu(x, 0.2), 0),
  sigmoid: gradientOf(sigmoid, 0),
  tanh: gradientOf(tanh, 0),
  gelu: gradientOf(gelu, 0),
  softmax: gradientOf((x) => softmax(x), 0),
  logSoftmax: gradientOf((x) => logSoftmax(x), 0),
  prelu: (dy, x, slope) => gradientOf(prelu, 0)(dy, x, slope),
  batchNorm: gradientOf((x, gamma, beta) => batchNorm(x, gamma, beta).output, 0),
};

const cases = fc
  .record({ name: fc.constantFrom(...Object.keys(gradients)), channels: borderChannels, rng: rngs })
  .map(({ name, channels, rng }) => ({
    gradient: gradients[name],
    dy: rng.split('dy').normal([9, channels]),
    inputs: ['x', 'gamma', 'beta'].map((input) => rng.split(input).normal(input === 'x' ? [9, channels] : [channels])),
    rng,
  }));
const tiers = fc.constantFrom('fast' as const, 'reference' as const);
const exponents = fc.integer({ min: -45, max: -20 });

describe('the gradient of a function that saturates or normalizes', () => {
  test.prop([cases, exponents, tiers], { numRuns: 200 })(
    'is linear in dy, except that tiny values are flushed to 0',
    ({ gradient, dy, inputs: [x, ...vectors] }, exponent, tier) => {
      const scale = 10 ** exponent;
      const whole = gradient(dy, x, ...vectors).values;
      const scaled = tensor(
        dy.values.map((value) => value * scale),
        { shape: dy.shape },
      );
      const found = withKernels(tier, () => gradient(scaled, x, ...vectors).values);
      const rounding = 1e-5 * scale * Math.max(...whole.map(Math.abs));
      const wrong = Array.from(found, (value, at) => ({ value, expected: whole[at] * scale })).filter(
        ({ value, expected }) => {
          const isTiny = value !== 0 && Math.abs(value) < Math.fround(smallestGradient);
          const isBesideLimit = Math.abs(Math.abs(expected) - smallestGradient) <= 1e-3 * smallestGradient + rounding;
          return isTiny || !(isBesideLimit || Math.abs(value - flushed(expected)) <= rounding);
        },
      );
      expect(wrong).toEqual([]);
    },
  );

  test.prop([cases], { numRuns: 100 })('keeps NaN', ({ gradient, inputs: [x, ...vectors], rng }) => {
    const dy = sprinkled(rng.split('NaN'), x.shape, [Number.NaN, -Number.NaN]);
    checkOp((dy: Tensor) => gradient(dy, x, ...vectors), [dy], { ...withoutDifferences, gpu: false });
  });
});

describe('flushTiny', () => {
  const limit = Math.fround(smallestGradient);
  const below = Math.fround(smallestGradient * (1 - 2 ** -23));

  test.each(['fast', 'reference'] as const)('is 0 below the limit and x from the limit on (%s)', (tier) => {
    const x = [1, -2, limit, -limit, below, -below, 1e-40, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const y = withKernels(tier, () => [...flushTiny(tensor(x)).values]);
    expect(y.map(Math.abs)).toEqual([1, 2, limit, limit, 0, 0, 0, 0, Infinity, Infinity]);
    expect(y.map(Math.sign).slice(0, 4)).toEqual([1, -1, 1, -1]);
  });

  test('keeps NaN of either sign', () => {
    const bits = Int32Array.of(0x7fc00000, -0x400000, 0x7f800001, -0x7fffff);
    const x = tensor(new Float32Array(bits.buffer));
    for (const tier of ['fast', 'reference'] as const) {
      expect([...withKernels(tier, () => flushTiny(x)).values]).toEqual([NaN, NaN, NaN, NaN]);
    }
  });
});
