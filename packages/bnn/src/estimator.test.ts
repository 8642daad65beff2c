import { fc, test } from '@fast-check/vitest';
import { gradient } from '@mobinet/autograd';
import {
  BitTensor,
  mul,
  packBits,
  type RecordedCall,
  Rng,
  sum,
  type Tensor,
  tensor,
  withRecorder,
} from '@mobinet/tensor';
import { awkwardChannels, checkOp, tensors } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { estimatorMemory, passThrough, signWithEstimator } from './estimator.js';
import type { Estimator } from './gradient-kinds.js';

/** The estimate of the derivative of sign by each estimator (eq. 2). */
const slopes: Record<Estimator, (x: number) => number> = {
  identity: () => 1,
  clip: (x) => (Math.abs(x) <= 1 ? 1 : 0),
  approx: (x) => (Math.abs(x) <= 1 ? 2 - 2 * Math.abs(x) : 0),
};

const estimators = Object.keys(slopes) as Estimator[];

const rows = awkwardChannels.chain((channels) =>
  fc.record({ x: tensors([2, channels]), dy: tensors([2, channels]), estimator: fc.constantFrom(...estimators) }),
);

describe('signWithEstimator', () => {
  test('is ±1, and +1 at 0 and at −0', () => {
    expect([...signWithEstimator(tensor([-2, -1e-30, -0, 0, 1e-30, 2])).values]).toEqual([-1, -1, 1, 1, 1, 1]);
  });

  test.prop([rows])('has the same signs as packBits', ({ x }) => {
    const y = signWithEstimator(x);
    expect([...packBits(y).words]).toEqual([...packBits(x).words]);
    expect(y.values.every((value) => Math.abs(value) === 1)).toBe(true);
  });

  test.prop([rows])('has the gradient of its estimator', ({ x, dy, estimator }) => {
    const found = gradient((x: Tensor) => sum(mul(signWithEstimator(x, estimator), dy)))(x);
    const expected = [...x.values].map((value, at) => dy.values[at] * slopes[estimator](value));
    // Products of multiples of 1/64 are exact.
    expect([...found.values].map((value) => value + 0)).toEqual(expected.map((value) => value + 0));
  });

  test.each(estimators)('%s has its documented slope at ±1 and beyond', (estimator) => {
    const x = [-3, -1 - 2 ** -20, -1, -0.5, -0, 0, 0.25, 1, 1 + 2 ** -20, 3];
    const found = gradient((x: Tensor) => sum(signWithEstimator(x, estimator)))(tensor(x));
    expect([...found.values]).toEqual(x.map(slopes[estimator]));
  });

  test("defaults to 'approx'", () => {
    const found = gradient((x: Tensor) => sum(signWithEstimator(x)))(tensor([0.25]));
    expect([...found.values]).toEqual([1.5]);
  });

  test.each(estimators)('%s saves as little as possible', (estimator) => {
    const x = tensor(new Float32Array(70));
    const calls: RecordedCall[] = [];
    withRecorder({ record: (call) => calls.push(call) }, () => signWithEstimator(x, estimator));
    expect(calls.map(({ name }) => name)).toEqual(['signWithEstimator']);
    const [{ saved }] = calls;
    if (estimator === 'identity') expect(saved).toEqual([]);
    if (estimator === 'approx') expect(saved).toEqual([x]);
    if (estimator === 'clip')
      expect(saved.map((memory) => memory instanceof BitTensor && memory.shape)).toEqual([[70]]);
  });
});

describe('the kernels of estimators', () => {
  /** Rows with channels around multiples of 4, 32 and 128, and some elements exactly ±1 or 0. */
  const matrices = fc
    .tuple(
      fc.constantFrom(1, 2, 5, 33),
      fc.constantFrom(1, 3, 4, 5, 31, 32, 33, 63, 64, 65, 127, 128, 129, 300),
      fc.nat().map((seed) => Rng.fromSeed(seed)),
    )
    .map(([rows, channels, rng]) => {
      const x = rng.split('x').normal([rows, channels], 0, 1.2);
      const edges = [1, -1, 1 + 2 ** -23, 0, -0];
      rng
        .split('edges')
        .uniform([rows * channels], 0, 20)
        .values.forEach((choice, at) => {
          x.values[at] = edges[Math.floor(choice)] ?? x.values[at];
        });
      return { x, dy: rng.split('dy').normal([rows, channels]) };
    });

  test.prop([matrices], { numRuns: 60 })('save exactly which elements lie beyond ±1', ({ x }) => {
    checkOp((x: Tensor) => estimatorMemory(x, 'clip')[0], [x], { gradient: false });
  });

  test.prop([matrices, fc.constantFrom<Estimator>('clip', 'approx')], { numRuns: 80 })(
    'pass gradients as their definitions do',
    ({ x, dy }, estimator) => {
      const [memory] = estimatorMemory(x, estimator);
      checkOp((dy: Tensor, memory) => passThrough(dy, [memory]), [dy, memory], { gradient: false, tolerance: 1e-6 });
    },
  );
});
