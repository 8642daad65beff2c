import './webgpu.js';
import { fc, test } from '@fast-check/vitest';
import {
  add,
  type BitTensor,
  mul,
  packBits,
  prelu,
  Rng,
  relu,
  reshape,
  ShapeError,
  slice,
  type Tensor,
  tensor,
  tidy,
  zeros,
} from '@mobinet/tensor';
import { checkOp, withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { type Counts, countOf } from './counts.js';
import { type OutputTransform, outputTransform } from './output-transform.js';
import { randomCounts } from './random-counts.test.helper.js';
import { type StepArithmetic, stepper, type TransformStep } from './transform-steps.js';

type Chain = Pick<OutputTransform, 'steps' | 'signSteps'> & { readonly dtype: Counts['dtype'] };

const step = fc.constantFrom<TransformStep>('scale', 'shift', 'prelu', 'relu', 'skip');
const anyChain: fc.Arbitrary<Chain> = fc.record({
  dtype: fc.constantFrom('u8', 'i16'),
  steps: fc.array(step, { maxLength: 7 }).map((steps) => ['scale' as const, ...steps]),
  signSteps: fc.oneof(fc.constant(null), fc.array(step, { maxLength: 3 })),
});

/** Only a few, since a GPU compiles a kernel for each. */
const fewChains = fc.constantFrom<Chain>(
  { dtype: 'u8', steps: ['scale', 'scale', 'shift', 'skip', 'prelu'], signSteps: [] },
  { dtype: 'i16', steps: ['scale', 'prelu', 'skip', 'relu', 'skip'], signSteps: ['shift', 'prelu'] },
  { dtype: 'i16', steps: ['scale', 'relu', 'shift'], signSteps: null },
);

const operandsOf = (chain: Chain) =>
  fc
    .record({
      rows: fc.integer({ min: 1, max: 40 }),
      channels: fc.oneof(fc.constantFrom(8, 32, 40, 64), fc.integer({ min: 1, max: 40 })),
      rng: fc.nat().map((seed) => Rng.fromSeed(seed)),
    })
    .map(({ rows, channels, rng }): OutputTransform => {
      const { dtype, steps, signSteps } = chain;
      const signs = dtype === 'u8' ? 255 : 4608;
      const shape = [rows, channels];
      const counts = randomCounts(rng.split('counts'), shape, dtype, signs);
      const all = [...steps, ...(signSteps ?? [])];
      const vectors = all.filter((step) => step !== 'skip' && step !== 'relu').length;
      const skips = all.filter((step) => step === 'skip').map((_, k) => rng.split('skip', k).normal(shape, 0, 20));
      return { counts, vectors: rng.split('vectors').normal([vectors, channels]), skips, signs, steps, signSteps };
    });

const results = (given: OutputTransform): (Tensor | BitTensor)[] => {
  const { output, outputSigns } = outputTransform(given);
  return outputSigns ? [output, outputSigns] : [output];
};

const ops: StepArithmetic<Tensor> = { scale: mul, shift: add, prelu, relu };

/** The same results from separate ops. */
function resultsByOps({ counts, vectors, skips, signs, steps, signSteps }: OutputTransform): (Tensor | BitTensor)[] {
  const numbers = Float32Array.from(counts.values, (stored) => countOf(counts.dtype, signs, stored));
  const take = stepper(ops, {
    vector: (row) => reshape(slice(vectors, [row], [row + 1]), [-1]),
    skip: (index) => skips[index],
  });
  const output = take(tensor(numbers, { shape: counts.shape }), steps);
  return signSteps ? [output, packBits(take(output, signSteps))] : [output];
}

const bitsOf = (x: Tensor | BitTensor): number[] => [
  ...(x.dtype === 'bits' ? x.words : new Int32Array(x.values.slice().buffer)),
];

describe('outputTransform', () => {
  test.prop([fewChains.chain(operandsOf)], { numRuns: 60 })('agrees with its definition, to the last bit', (given) => {
    const { counts, vectors, skips, ...attributes } = given;
    for (let which = 0; which < (attributes.signSteps ? 2 : 1); which++) {
      checkOp(
        (counts: Counts, vectors: Tensor, ...skips: Tensor[]) =>
          results({ counts, vectors, skips, ...attributes })[which],
        [counts, vectors, ...skips],
        { gradient: false, tolerance: 0 },
      );
    }
  });

  test.prop([anyChain.chain(operandsOf), fc.constantFrom('fast' as const, 'reference' as const)], { numRuns: 100 })(
    'equals the ops of its steps in sequence, to the last bit',
    (given, tier) => {
      tidy(() => {
        const [found, expected] = withKernels(tier, () => [results(given), resultsByOps(given)]);
        expect(found.map(bitsOf)).toEqual(expected.map(bitsOf));
      });
    },
  );

  test('rejects operands that do not match its steps', () => {
    const given = { counts: zeros([2, 8], 'u8'), vectors: zeros([1, 8]), skips: [], signs: 9, signSteps: null };
    expect(() => outputTransform({ ...given, steps: ['scale', 'shift'] })).toThrow(
      /^outputTransform: the operands do not fit.*vectors \[2, channels\] and 0 skips/s,
    );
    expect(() => outputTransform({ ...given, steps: ['scale', 'skip'] })).toThrow(ShapeError);
    expect(() => outputTransform({ ...given, steps: ['scale', 'skip'], skips: [zeros([2, 1])] })).toThrow(ShapeError);
    expect(outputTransform({ ...given, steps: ['scale'] }).outputSigns).toBeNull();
  });
});
