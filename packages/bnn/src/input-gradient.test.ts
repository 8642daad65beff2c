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

/** Channels on and beside 4, which the kernels want, 32, which make a word, and 128. */
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

/** Without a kernel of its own. */
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
      ...{ estimator, repeats, attributes, x },
      dy: rng.split('dy').normal(shape.with(3, filter[0])),
      signs: packBits(rng.split('filter').normal(filter)),
      scale: rng.split('scale').uniform([filter[0]], 0.01, 0.1),
      memory: estimatorMemory(x, estimator),
      skip: rng.split('skip').normal(shape.with(3, repeats * shape[3])),
    };
  });

describe('binaryInputGradient', () => {
  test.prop([cases], { numRuns: 150 })(
    'agrees with its definition for all estimators, with and without a skip',
    ({ dy, signs, scale, memory, skip, repeats, x, attributes }) => {
      const inputs = [dy, signs, scale, ...memory, ...(repeats > 0 ? [skip] : [])] as const;
      checkOp(
        (dy: Tensor, signs: BitTensor, scale: Tensor, ...rest: AnyTensor[]) => {
          const around = repeats > 0 ? { gradient: rest[rest.length - 1] as Tensor, repeats } : null;
          const memory = around ? rest.slice(0, -1) : rest;
          return binaryInputGradient(dy, signs, scale, memory, x.shape, attributes, around);
        },
        inputs as unknown as [Tensor, BitTensor, Tensor, ...AnyTensor[]],
        { gradient: false },
      );
    },
  );

  test.prop([cases], { numRuns: 60 })(
    'is what the estimator lets pass, and the repeats of the skip added up',
    ({ dy, signs, scale, memory, skip, repeats, x, attributes }) => {
      const around = repeats > 0 ? { gradient: skip, repeats } : null;
      const expected = withKernels('reference', () => {
        const passed = passThrough(bitConv2dInputGradient(dy, signs, x.shape, attributes, scale), memory);
        if (!around) return passed;
        const [batch, height, width, channels] = x.shape;
        return add(passed, sum(reshape(skip, [batch, height, width, repeats, channels]), { axes: 3 }));
      });
      expectClose(binaryInputGradient(dy, signs, scale, memory, x.shape, attributes, around), expected);
    },
  );

  test('has a kernel for the convolutions of a MoBiNet', () => {
    for (const convolutions of [pointwise, grouped]) {
      for (const { x, filter, groups = 1 } of fc.sample(convolutions, 20)) {
        expect(hasLookup(filter, bitConv2dAttributes('test', x, filter, { groups, padding: 'same' }))).toBe(true);
      }
    }
  });
});
