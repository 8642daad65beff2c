import { fc, test } from '@fast-check/vitest';
import { Rng, type Shape } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { kaimingNormal, kaimingUniform, xavierNormal, xavierUniform } from './initializers.js';

const initializers = { kaimingNormal, kaimingUniform, xavierNormal, xavierUniform };

/** The variances of the papers: 2 / fanIn (He et al.), 2 / (fanIn + fanOut) (Glorot & Bengio). */
const variances: Record<keyof typeof initializers, (fanIn: number, fanOut: number) => number> = {
  kaimingNormal: (fanIn) => 2 / fanIn,
  kaimingUniform: (fanIn) => 2 / fanIn,
  xavierNormal: (fanIn, fanOut) => 2 / (fanIn + fanOut),
  xavierUniform: (fanIn, fanOut) => 2 / (fanIn + fanOut),
};

const weights: [shape: Shape, fanIn: number, fanOut: number][] = [
  [[50, 400], 400, 50],
  [[40, 3, 5, 36], 540, 600],
  [[64, 3, 3, 40], 360, 576],
];

describe.each(Object.keys(initializers) as (keyof typeof initializers)[])('%s', (name) => {
  test.each(weights)('gives weights %j the variance for fans of %d and %d', (shape, fanIn, fanOut) => {
    const { values } = initializers[name](Rng.fromSeed(11), shape);
    const variance = variances[name](fanIn, fanOut);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const found = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
    // The mean square of 20,000 samples or more is well within 5 %.
    expect(Math.abs(mean)).toBeLessThan(0.03 * Math.sqrt(variance));
    expect(found / variance).toBeGreaterThan(0.95);
    expect(found / variance).toBeLessThan(1.05);
  });

  test.prop([fc.integer({ min: 0, max: 1e6 })], { numRuns: 20 })('is reproducible for a seed', (seed) => {
    const draw = () => [...initializers[name](Rng.fromSeed(seed), [3, 2, 2, 5]).values];
    expect(draw()).toEqual(draw());
  });
});

describe('uniform initializers', () => {
  test.prop([fc.integer(), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 })], { numRuns: 50 })(
    'stay within √3 standard deviations',
    (seed, inputs, outputs) => {
      for (const name of ['kaimingUniform', 'xavierUniform'] as const) {
        const bound = Math.fround(Math.sqrt(3 * variances[name](inputs, outputs)));
        const { values } = initializers[name](Rng.fromSeed(seed), [outputs, inputs]);
        expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound);
      }
    },
  );
});
