import { fc, test } from '@fast-check/vitest';
import {
  type AnyTensor,
  add,
  type BitTensor,
  bitConv2dAttributes,
  bitConv2dInputGradient,
  packBits,
  Rng,
  reshape,
  type Shape,
  sum,
  type Tensor,
} from '@mobinet/tensor';
import { hasLookup } from '@mobinet/tensor/kernels';
import { checkOp, withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { estimatorMemory, passThrough } from './estimator.js';
import { expectClose } from './expect-close.test.helper.js';
import type { Estimator } from './gradient-kinds.js';
import { binaryInputGradient } from './input-gradient.js';

interface Convolution {
  readonly x: Shape;
  readonly filter: Shape;
  readonly groups?: number;
}

/** Channels around multiples of 4, the lanes of the kernels, of 32, the bits of a word, and of 128. */
const pointwise: fc.Arbitrary<Convolution> = fc
  .tuple(
    fc.constantFrom(1, 3, 16, 33, 70),
    fc.constantFrom(3, 4, 5, 8, 28, 31, 32, 33, 36, 124, 127, 128, 129, 132),
    fc.constantFrom(1, 4, 5, 31, 32, 33, 40),
  )
  .map(([pixels, channels, filters]) => ({ x: [1, 1, pixels, channels], filter: [filters, 1, 1, channels] }));

const grouped: fc.Arbitrary<Convolution> = fc
  .tuple(
    fc.constantFrom(1, 3, 9),
    fc.integer({ min: 1, max: 4 }),
    fc.constantFrom(1, 4, 9),
    fc.constantFrom(4, 8, 16),
    fc.integer({ min: 2, max: 9 }),
  )
  .map(([batch, height, width, channels, groups]) => ({
    x: [batch, height, width, groups * channels],
    filter: [groups * channels, 3, 3, channels],
    groups,
  }));

/** Convolutions without a fused kernel. */
const general: fc.Arbitrary<Convolution> = fc
  .constantFrom(3, 4, 33)
  .map((channels) => ({ x: [2, 4, 5, channels], filter: [6, 3, 3, channels] }));

const cases = fc
  .record({
    convolution: fc.oneof(pointwise, grouped, general),
    estimator: fc.constantFrom<Estimator>('identity', 'clip', 'approx'),
    repeats: fc.constantFrom(0, 1, 2, 3),
    rng: fc.nat().map((seed) => Rng.fromSeed(seed)),
  })
  .map(({ convolution: { x: shape, filter, groups = 1 }, estimator, repeats, rng }) => {
    const attributes = bitConv2dAttributes('test', shape, filter, { groups, padding: 'same' });
    const x = rng.split('x').normal(shape);
    return {
      estimator,
      attributes,
      xShape: shape,
      dy: rng.split('dy').normal(shape.with(3, filter[0])),
      signs: packBits(rng.split('filter').normal(filter)),
      alpha: rng.split('alpha').uniform([filter[0]], 0.01, 0.1),
      memory: estimatorMemory(x, estimator),
      skip: repeats > 0 ? { gradient: rng.split('skip').normal(shape.with(3, repeats * shape[3])), repeats } : null,
    };
  });

describe('binaryInputGradient', () => {
  test.prop([cases], { numRuns: 150 })(
    'agrees with its definition for all estimators, with and without a skip',
    ({ dy, signs, alpha, memory, skip, xShape, attributes }) => {
      const inputs = [dy, signs, alpha, ...memory, ...(skip ? [skip.gradient] : [])] as const;
      checkOp(
        (dy: Tensor, signs: BitTensor, alpha: Tensor, ...rest: AnyTensor[]) => {
          const gradient = rest[rest.length - 1] as Tensor;
          const operands = skip
            ? { memory: rest.slice(0, -1), skip: { ...skip, gradient } }
            : { memory: rest, skip: null };
          return binaryInputGradient({ dy, signs, alpha, xShape, attributes, ...operands });
        },
        inputs as unknown as [Tensor, BitTensor, Tensor, ...AnyTensor[]],
        { gradient: false },
      );
    },
  );

  test.prop([cases], { numRuns: 60 })(
    'is the gradient that the estimator passes plus the summed repeats of the skip',
    ({ dy, signs, alpha, memory, skip, xShape, attributes }) => {
      const expected = withKernels('reference', () => {
        const passed = passThrough(bitConv2dInputGradient(dy, signs, xShape, attributes, alpha), memory);
        if (!skip) return passed;
        const [batch, height, width, channels] = xShape;
        return add(passed, sum(reshape(skip.gradient, [batch, height, width, skip.repeats, channels]), { axes: 3 }));
      });
      expectClose(binaryInputGradient({ dy, signs, alpha, memory, xShape, attributes, skip }), expected);
    },
  );

  test('has a fused kernel for the convolutions of a MoBiNet', () => {
    for (const convolutions of [pointwise, grouped]) {
      for (const { x, filter, groups = 1 } of fc.sample(convolutions, 20)) {
        expect(hasLookup(filter, bitConv2dAttributes('test', x, filter, { groups, padding: 'same' }))).toBe(true);
      }
    }
  });
});
