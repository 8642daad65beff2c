import { fc, test } from '@fast-check/vitest';
import { describe } from 'vitest';
import type { Tensor } from '../tensor.js';
import { checkOp } from '../testing/index.js';
import { borderChannels, borderRows, gradientOf, rngs, sprinkled, withoutDifferences } from './borders.test.helper.js';
import { prelu } from './elementwise/prelu.js';
import { affine } from './norm/affine.js';
import { batchNorm } from './norm/batch-norm.js';

/** A matrix, a gradient of its shape, and vectors of its channels. Some elements are ±0, the kink of a rectifier. */
const matrices = fc
  .record({ rows: borderRows, channels: borderChannels, rng: rngs })
  .map(({ rows, channels, rng }) => ({
    x: sprinkled(rng.split('x'), [rows, channels], [0, -0]),
    dy: rng.split('dy').normal([rows, channels]),
    vectors: (name: string) => rng.split(name).normal([channels]),
  }));

describe('prelu on matrices of all sizes', () => {
  test.prop([matrices], { numRuns: 60 })('agrees with its definition, as do its gradients', ({ x, dy, vectors }) => {
    const slope = vectors('slope');
    checkOp(prelu, [x, slope], withoutDifferences);
    for (const input of [0, 1]) checkOp(gradientOf(prelu, input), [dy, x, slope], withoutDifferences);
  });
});

describe('affine on matrices of all sizes', () => {
  test.prop([matrices], { numRuns: 60 })('equals its definition to the last bit', ({ x, vectors }) => {
    checkOp(affine, [x, vectors('scale'), vectors('shift')], { gradient: false, tolerance: 0 });
  });

  test.prop([matrices, fc.constantFrom(0, 1, 2)], { numRuns: 60 })(
    'has the gradients of its definition',
    ({ x, dy, vectors }, input) => {
      checkOp(gradientOf(affine, input), [dy, x, vectors('scale'), vectors('shift')], withoutDifferences);
    },
  );
});

describe('batchNorm on matrices of all sizes', () => {
  type Output = 'output' | 'mean' | 'variance';
  const normalized = (output: Output) => (x: Tensor, gamma: Tensor, beta: Tensor) => batchNorm(x, gamma, beta)[output];

  test.prop([matrices, fc.constantFrom<Output>('output', 'mean', 'variance')], { numRuns: 120 })(
    'agrees with its definition in output and statistics',
    ({ x, vectors }, output) => {
      // The kernel sums squared distances from the first row in f32. That row may be several deviations off the mean.
      const check = { gradient: false, tolerance: 5e-5 };
      checkOp(normalized(output), [x, vectors('gamma'), vectors('beta')], check);
    },
  );

  test.prop([matrices, fc.constantFrom(0, 1, 2)], { numRuns: 120 })(
    'has the gradients of its definition',
    ({ x, dy, vectors }, input) => {
      // The gradients of a single row cancel out, and a small ε would amplify the rounding errors that remain.
      const normalize = (x: Tensor, gamma: Tensor, beta: Tensor) => batchNorm(x, gamma, beta, { epsilon: 0.1 }).output;
      const [gamma, beta] = [vectors('gamma'), vectors('beta')];
      checkOp(gradientOf(normalize, input), [dy, x, gamma, beta], withoutDifferences);
    },
  );
});
