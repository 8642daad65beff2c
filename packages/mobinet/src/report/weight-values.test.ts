import { fc, test } from '@fast-check/vitest';
import { binarizeWeights } from '@mobinet/bnn';
import { expect } from 'vitest';
import { createMoBiNet } from '../networks/mobinet/mobinet.js';
import { histogram, weightsOf } from './weight-values.js';

test('scaling factors are those of the forward pass, and slopes those of the PReLUs', () => {
  const model = createMoBiNet({ width: 0.0625, k: 1, imageSize: 32, classes: 3 });
  model.units[1].pointwise.conv.weight.values[3] = -2;
  const { scalingFactors, slopes } = weightsOf(model);
  const { alpha } = binarizeWeights(model.units[1].pointwise.conv.weight);
  const found = scalingFactors.find(({ layer }) => layer === 'units.1.pointwise.conv.weight')!;
  expect(found.values.length).toBe(alpha.size);
  found.values.forEach((value, channel) => {
    expect(value).toBeCloseTo(alpha.values[channel], 6);
  });
  expect(scalingFactors).toHaveLength(39);
  // Those of the binary layers, and that of the stem.
  expect(slopes).toHaveLength(40);
  expect(slopes.every(({ values }) => values.every((slope) => slope === 0.25))).toBe(true);
  model.dispose();
});

const values = fc.array(
  fc.integer({ min: -1000, max: 1000 }).map((value) => value / 8),
  { minLength: 1, maxLength: 50 },
);

test.prop([values, fc.integer({ min: 1, max: 12 })])('a histogram counts every value once', (values, bars) => {
  const found = histogram(Float32Array.from(values), bars);
  expect(found).toHaveLength(bars);
  expect(found.reduce((sum, { count }) => sum + count, 0)).toBe(values.length);
  expect(found[0].from).toBe(Math.min(...values));
  expect(found[bars - 1].to).toBeGreaterThanOrEqual(Math.max(...values) - 1e-9);
  for (const { from, to, count } of found) {
    // A value on an edge may be counted on either side of it.
    const [inside, around] = [1e-9, -1e-9].map(
      (margin) => values.filter((value) => value > from + margin && value < to - margin).length,
    );
    expect(count).toBeGreaterThanOrEqual(inside);
    expect(count).toBeLessThanOrEqual(around);
  }
});
