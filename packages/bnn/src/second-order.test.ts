import { gradient, noGradient } from '@mobinet/autograd';
import { dispose, full, mul, ones, Rng, square, sum, type Tensor, zeros } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { binaryConv2d } from './binary-conv2d.js';
import { binarySegment } from './binary-segment.js';
import { signWithEstimator } from './estimator.js';
import { binarizeWeights } from './scaling.js';

describe('a gradient through a straight-through estimator', () => {
  const rng = Rng.fromSeed(8);
  const images = rng.normal([2, 3, 3, 4]);
  const weight = rng.normal([4, 3, 3, 4]);
  const vectors = { slope: full([4], 0.25), gamma: ones([4]), beta: zeros([4]) };
  const segment = (x: Tensor) => binarySegment(x, weight, vectors, { padding: 'same' });

  test.each<[string, string, (x: Tensor) => Tensor]>([
    ['signWithEstimator', 'identity', (x) => signWithEstimator(x, 'identity')],
    ['signWithEstimator', 'clip', (x) => signWithEstimator(x, 'clip')],
    ['signWithEstimator', 'approx', (x) => signWithEstimator(x, 'approx')],
    ['binaryConv2d', 'approx', (x) => binaryConv2d(x, weight, { padding: 'same' })],
    ['binarySegment', 'approx', (x) => segment(x).output],
  ])('of %s with %s cannot be differentiated again, and the error says so', (name, _, f) => {
    const slope = gradient((x: Tensor) => sum(square(f(x))));
    dispose(slope(images));
    expect(() => gradient((x: Tensor) => sum(square(slope(x))))(images)).toThrow(
      expect.objectContaining({
        name: 'GradientError',
        message: expect.stringMatching(`^the gradient of ${name} cannot be differentiated again\\. .*noGradient`),
      }),
    );
    // It may be used as a constant.
    const found = gradient((x: Tensor) =>
      sum(
        mul(
          x,
          noGradient(() => slope(x)),
        ),
      ),
    )(images);
    expect([...found.values]).toEqual([...slope(images).values]);
  });

  test('the statistics of a segment have no derivative', () => {
    expect(() => gradient((x: Tensor) => sum(segment(x).mean))(images)).toThrow(
      'there is no gradient rule for the statistics of binarySegment',
    );
  });

  test('the scaling factor of binarizeWeights has no derivative', () => {
    expect(() => gradient((w: Tensor) => sum(binarizeWeights(w).alpha))(weight)).toThrow(
      /^there is no gradient rule for binaryScale, but the loss depends on it\. Run it in noGradient/,
    );
  });
});
