import { fc, test } from '@fast-check/vitest';
import { gradient, noGradient } from '@mobinet/autograd';
import { add, batchNorm, concat, memory, mul, prelu, Rng, sum, type Tensor, tidy } from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { binaryConv2d } from './binary-conv2d.js';
import { type BinarySegmentOptions, binarySegment } from './binary-segment.js';
import { expectClose } from './expect-close.test.helper.js';
import type { Estimator, ScalingGradient } from './gradient-kinds.js';

/** The inputs with respect to which a segment is differentiated. */
interface Inputs {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly slope: Tensor;
  readonly gamma: Tensor;
  readonly beta: Tensor;
}

type Options = BinarySegmentOptions & { readonly skipRepeats: number; readonly epsilon: number };

/** A segment as a sequence of ops. */
function composition({ x, weight, slope, gamma, beta }: Inputs, { skipRepeats, epsilon, ...options }: Options) {
  const activations = prelu(binaryConv2d(x, weight, options), slope);
  const { output, mean, variance } = batchNorm(activations, gamma, beta, { epsilon });
  const repeats = Array.from({ length: skipRepeats }, () => x);
  return { output: skipRepeats > 0 ? add(output, concat(repeats, -1)) : output, mean, variance };
}

const fused = ({ x, weight, ...parameters }: Inputs, options: Options) => binarySegment(x, weight, parameters, options);

/** Point-wise segments and some of small groups, with channels that the kernels take and others; and a general one. */
const layers = fc.constantFrom(
  { channels: 8, kernel: 1, groups: 1 },
  { channels: 40, kernel: 1, groups: 1 },
  { channels: 5, kernel: 1, groups: 1 },
  { channels: 16, kernel: 3, groups: 2 },
  { channels: 24, kernel: 3, groups: 6 },
  { channels: 6, kernel: 3, groups: 1 },
);

const segments = fc
  .record({
    layer: layers,
    skipRepeats: fc.constantFrom(0, 1, 2),
    estimator: fc.constantFrom<Estimator>('identity', 'clip', 'approx'),
    scalingGradient: fc.constantFrom<ScalingGradient>('full', 'xnor-net', 'detached'),
    paddingValue: fc.constantFrom('one' as const, 'zero' as const),
    seed: fc.nat(),
  })
  .map(({ layer: { channels, kernel, groups }, seed, ...options }) => {
    const rng = Rng.fromSeed(seed);
    const outChannels = channels * Math.max(1, options.skipRepeats);
    const inputs: Inputs = {
      x: rng.split('x').normal([2, 5, 4, channels]),
      // Some weights lie beyond ±1, so that clipping has an effect.
      weight: rng.split('weight').normal([outChannels, kernel, kernel, channels / groups], 0, 0.8),
      slope: rng.split('slope').normal([outChannels], 0.25, 0.5),
      gamma: rng.split('gamma').normal([outChannels]),
      beta: rng.split('beta').normal([outChannels]),
    };
    // A larger ε than usual keeps channels that hardly vary from amplifying rounding errors.
    return { inputs, options: { ...options, groups, padding: 'same' as const, epsilon: 0.01 }, rng };
  });

const tiers = fc.constantFrom('fast' as const, 'reference' as const);

/** The gradients of Σ dy·y. */
const gradientsOf = (segment: typeof fused, inputs: Inputs, dy: Tensor, options: Options) =>
  gradient((inputs: Inputs) => sum(mul(segment(inputs, options).output, dy)))(inputs);

describe('binarySegment', () => {
  test.prop([segments, tiers], { numRuns: 60 })(
    'equals convolution, prelu, batchNorm and skip in sequence',
    ({ inputs, options }, tier) => {
      const expected = withKernels('reference', () => composition(inputs, options));
      const found = withKernels(tier, () => fused(inputs, options));
      expectClose(found.output, expected.output);
      expectClose(found.mean, expected.mean);
      expectClose(found.variance, expected.variance);
    },
  );

  test.prop([segments], { numRuns: 40 })(
    'has their gradients on both tiers, for every estimator and scaling gradient',
    ({ inputs, options, rng }) => {
      const dy = rng.split('dy').normal(fused(inputs, options).output.shape);
      const expected = withKernels('reference', () => gradientsOf(composition, inputs, dy, options));
      const reference = withKernels('reference', () => gradientsOf(fused, inputs, dy, options));
      const fast = withKernels('fast', () => gradientsOf(fused, inputs, dy, options));
      for (const name of ['x', 'weight', 'slope', 'gamma', 'beta'] as const) {
        expectClose(reference[name], expected[name]);
        expectClose(fast[name], reference[name]);
      }
    },
  );

  test.prop([segments], { numRuns: 10 })('frees everything but its results', ({ inputs, options }) => {
    const before = memory();
    tidy(() => void noGradient(() => fused(inputs, options)));
    tidy(() => void gradientsOf(fused, inputs, fused(inputs, options).output, options));
    expect(memory()).toEqual(before);
  });
});
