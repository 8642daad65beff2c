import { fc, test } from '@fast-check/vitest';
import { mul, packBits, Rng, type Tensor, tensor, unpackBits } from '@mobinet/tensor';
import { awkwardChannels, checkOp, tensors } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import type { ScalingGradient } from './gradient-kinds.js';
import { binarizeWeights, weightGradient, weightGradientInPlace } from './scaling.js';

const weights = fc
  .tuple(fc.integer({ min: 1, max: 3 }), awkwardChannels)
  .chain(([filters, n]) => tensors([filters, n]));

/** ‖w − α·b‖² of one filter. */
function distance(w: Float32Array, alpha: number, signs: ArrayLike<number>): number {
  return w.reduce((sum, value, i) => sum + (value - alpha * signs[i]) ** 2, 0);
}

const filterOf = ({ values, shape, size }: Tensor, filter: number): Float32Array =>
  values.subarray((filter * size) / shape[0], ((filter + 1) * size) / shape[0]);

describe('binarizeWeights', () => {
  test.prop([weights])('computes sign(W) and the mean of |W| of each filter', (weight) => {
    const { signs, alpha } = binarizeWeights(weight);
    expect([...signs.words]).toEqual([...packBits(weight).words]);
    expect(signs.shape).toEqual(weight.shape);
    expect(alpha.shape).toEqual([weight.shape[0]]);
    alpha.values.forEach((value, filter) => {
      const filterWeights = filterOf(weight, filter);
      const mean = filterWeights.reduce((sum, w) => sum + Math.abs(w), 0) / filterWeights.length;
      expect(value).toBe(Math.fround(mean));
    });
  });

  test.prop([weights, fc.nat(), fc.double({ min: -3, max: 3, noNaN: true })])(
    'minimizes the distance to α·B over all α and signs B',
    (weight, seed, otherAlpha) => {
      const { signs, alpha } = binarizeWeights(weight);
      const best = unpackBits(signs);
      const random = Rng.fromSeed(seed).normal(weight.shape);
      for (let filter = 0; filter < weight.shape[0]; filter++) {
        const w = filterOf(weight, filter);
        const b = filterOf(best, filter);
        const least = distance(w, alpha.values[filter], b) - 1e-5;
        const otherSigns = filterOf(random, filter).map((value) => (value < 0 ? -1 : 1));
        const flipped = b.with(seed % b.length, -b[seed % b.length]);
        expect(least).toBeLessThanOrEqual(distance(w, otherAlpha, otherSigns));
        expect(least).toBeLessThanOrEqual(distance(w, otherAlpha, b));
        expect(least).toBeLessThanOrEqual(distance(w, alpha.values[filter], flipped));
        // For given signs, the best α is the mean of signs · weights.
        const agreement = w.reduce((sum, value, i) => sum + value * otherSigns[i], 0) / w.length;
        expect(least).toBeLessThanOrEqual(distance(w, agreement, otherSigns));
      }
    },
  );
});

describe('weightGradient', () => {
  /** Eq. (5) as a matrix, ∂Ŵ_j/∂W_i, and its two reduced forms. */
  const jacobian: Record<ScalingGradient, (w: Float32Array, alpha: number, i: number, j: number) => number> = {
    // At 0, the derivative of |w| is 0, although sign(w) is +1.
    full: (w, alpha, i, j) => (Math.sign(w[i]) * sign(w[j])) / w.length + jacobian.detached(w, alpha, i, j),
    'xnor-net': (w, alpha, i, j) => Number(i === j) / w.length + jacobian.detached(w, alpha, i, j),
    detached: (w, alpha, i, j) => (i === j && Math.abs(w[i]) <= 1 ? alpha : 0),
  };
  const sign = (value: number) => (value < 0 ? -1 : 1);

  test.prop([
    fc
      .tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom(1, 7, 33))
      .chain((shape) => fc.record({ weight: tensors(shape), binarizedGradient: tensors(shape) })),
    fc.constantFrom<ScalingGradient>('full', 'xnor-net', 'detached'),
  ])('is the sum over j of eq. (4)', ({ weight, binarizedGradient }, mode) => {
    const { alpha } = binarizeWeights(weight);
    const found = weightGradient(binarizedGradient, weight, alpha, mode);
    for (let filter = 0; filter < weight.shape[0]; filter++) {
      const [w, g] = [filterOf(weight, filter), filterOf(binarizedGradient, filter)];
      filterOf(found, filter).forEach((value, i) => {
        const expected = g.reduce((sum, gj, j) => sum + gj * jacobian[mode](w, alpha.values[filter], i, j), 0);
        expect(value).toBeCloseTo(expected, 4);
      });
    }
  });

  test('agrees with a hand-computed example', () => {
    const weight = tensor([[0.5, -1.5]]);
    const gradient = tensor([[2, 4]]);
    const { alpha } = binarizeWeights(weight);
    const gradientBy = (mode: ScalingGradient) => [...weightGradient(gradient, weight, alpha, mode).values];
    expect(alpha.values[0]).toBe(1);
    // Σ g·sign(w) = 2 − 4 = −2 and n = 2. The second weight is clipped.
    expect(gradientBy('full')).toEqual([-1 + 2, 1 + 0]);
    expect(gradientBy('xnor-net')).toEqual([1 + 2, 2 + 0]);
    expect(gradientBy('detached')).toEqual([2, 0]);
  });
});

describe('the kernels of binarizeWeights and weightGradient', () => {
  /** Filters whose sizes are around multiples of 4, 32 and 128, with some weights exactly ±1 or 0. */
  const filters = fc
    .tuple(
      fc.constantFrom(1, 2, 3, 4, 5, 33),
      fc.constantFrom(1, 3, 4, 5, 31, 32, 33, 127, 128, 129, 1000),
      fc.nat().map((seed) => Rng.fromSeed(seed)),
    )
    .map(([count, n, rng]) => {
      const weight = rng.split('weight').normal([count, n], 0, 0.8);
      const edges = [1, -1, 1 + 2 ** -23, 0, -0];
      rng
        .split('edges')
        .uniform([count * n], 0, 20)
        .values.forEach((choice, at) => {
          weight.values[at] = edges[Math.floor(choice)] ?? weight.values[at];
        });
      return { weight, gradient: rng.split('gradient').normal([count, n]) };
    });

  test.prop([filters], { numRuns: 60 })('compute the α of the definition', ({ weight }) => {
    checkOp((weight: Tensor) => binarizeWeights(weight).alpha, [weight], { gradient: false, tolerance: 1e-6 });
  });

  test.prop([filters, fc.constantFrom<ScalingGradient>('full', 'xnor-net', 'detached')], { numRuns: 80 })(
    'compute the weight gradients of the definition',
    ({ weight, gradient }, mode) => {
      const { alpha } = binarizeWeights(weight);
      checkOp(
        (gradient: Tensor, weight: Tensor, alpha: Tensor) => weightGradient(gradient, weight, alpha, mode),
        [gradient, weight, alpha],
        { gradient: false, tolerance: 1e-6 },
      );
    },
  );

  test.prop([filters, fc.constantFrom<ScalingGradient>('full', 'xnor-net', 'detached')], { numRuns: 40 })(
    'compute the same weight gradients in place',
    ({ weight, gradient }, mode) => {
      const { alpha } = binarizeWeights(weight);
      checkOp(
        (gradient: Tensor, weight: Tensor, alpha: Tensor) =>
          weightGradientInPlace(mul(gradient, 1), weight, alpha, mode),
        [gradient, weight, alpha],
        { gradient: false, tolerance: 1e-6 },
      );
    },
  );
});
