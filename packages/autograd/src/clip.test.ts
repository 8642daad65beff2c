import { fc, test } from '@fast-check/vitest';
import { memory, type Tensor, tensor } from '@mobinet/tensor';
import { checkOp, tensors, withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { clipByGlobalNorm, clipByValue, globalNorm } from './clip.js';

interface Tree {
  w: Tensor;
  layers: { b: Tensor }[];
}

const trees: fc.Arbitrary<Tree> = fc.record({
  w: tensors([2, 3]),
  layers: fc.array(fc.record({ b: tensors([3]) }), { maxLength: 2 }),
});

const elements = ({ w, layers }: Tree): number[] =>
  [w, ...layers.map(({ b }) => b)].flatMap(({ values }) => [...values]);

const normOf = (gradients: object): number => globalNorm(gradients).values[0];

const tiers = ['fast', 'reference'] as const;

describe('globalNorm', () => {
  test.prop([trees])('is the Euclidean norm of all elements', (tree) => {
    const exact = Math.hypot(...elements(tree));
    expect(Math.abs(normOf(tree) - exact)).toBeLessThanOrEqual(5e-7 * exact);
  });

  test.prop([tensors([2, 3]), tensors([5])], { numRuns: 30 })('obeys the laws of ops', (a, b) => {
    // Where all elements are 0, the norm has no derivative.
    const gradient = [a, b].some(({ values }) => values.some((value) => Math.abs(value) > 0.1));
    checkOp((...gradients) => globalNorm(gradients), [a, b], { gradient });
  });

  describe.each(tiers)('(%s kernels)', (tier) => {
    const norm = (...arrays: number[][]): number =>
      withKernels(tier, () => normOf(arrays.map((array) => tensor(array))));

    test.each([1e-25, 1e-19, 3e30, 9e37])('neither overflows nor underflows at %d', (size) => {
      expect(norm([3 * size, 0], [-2 * size], []) / size).toBeCloseTo(Math.sqrt(13), 5);
    });

    test('is 0 for zeros and for a tree without gradients', () => {
      expect(norm([0, 0], [-0])).toBe(0);
      expect(norm()).toBe(0);
      expect(norm([])).toBe(0);
    });

    test('is NaN if an element is NaN, else infinite if one is infinite', () => {
      expect(norm([1, Number.NaN], [2])).toBeNaN();
      expect(norm([Number.NEGATIVE_INFINITY], [Number.NaN])).toBeNaN();
      expect(norm([1], [Number.NEGATIVE_INFINITY, 3e38])).toBe(Number.POSITIVE_INFINITY);
    });
  });
});

describe('clipByGlobalNorm', () => {
  test.prop([trees, fc.double({ min: 0.01, max: 10, noNaN: true })])(
    'limits the norm and keeps the direction',
    (tree, maxNorm) => {
      const clipped = clipByGlobalNorm(tree, maxNorm);
      const norm = normOf(tree);
      expect(normOf(clipped)).toBeLessThanOrEqual(maxNorm * (1 + 1e-6));
      if (norm <= maxNorm) expect(elements(clipped)).toEqual(elements(tree));
      else expect(normOf(clipped)).toBeCloseTo(maxNorm, 5);
      const scale = norm > maxNorm ? maxNorm / norm : 1;
      expect(elements(clipped)).toEqual(elements(tree).map((value) => expect.closeTo(value * scale, 5)));
      expect(clipped.layers.length).toBe(tree.layers.length);
      expect(clipped.w.shape).toEqual([2, 3]);
    },
  );

  describe.each(tiers)('(%s kernels)', (tier) => {
    const clipped = (...arrays: number[][]): number[][] =>
      withKernels(tier, () => {
        const gradients = arrays.map((array) => tensor(array));
        return clipByGlobalNorm(gradients, 10).map((gradient) => [...gradient.values]);
      });

    test('scales huge gradients and leaves zeros and empty trees alone', () => {
      expect(clipped([3e30], [4e30])).toEqual([[expect.closeTo(6, 5)], [expect.closeTo(8, 5)]]);
      expect(clipped([0, 0], [])).toEqual([[0, 0], []]);
      expect(clipped()).toEqual([]);
    });

    test('makes every element NaN if one is, so that it gets noticed', () => {
      expect(clipped([1, 2], [Number.NaN])).toEqual([[Number.NaN, Number.NaN], [Number.NaN]]);
    });

    test('makes infinite elements NaN and others 0', () => {
      expect(clipped([1, Number.POSITIVE_INFINITY], [3])).toEqual([[0, Number.NaN], [0]]);
    });
  });

  test('scales only f32 tensors', () => {
    const gradients = { a: tensor([30, 40]), labels: tensor(Int32Array.of(7), { dtype: 'i32' }), name: 'a' };
    const clipped = clipByGlobalNorm(gradients, 5);
    expect([...clipped.a.values]).toEqual([3, 4]);
    expect(clipped).toEqual({ a: clipped.a });
    expect([...gradients.labels.values]).toEqual([7]);
  });

  test('makes new tensors, and nothing else', () => {
    const gradients = { a: tensor([3]), b: [tensor([4, 0])] };
    const before = memory().tensors;
    for (const clipped of [clipByGlobalNorm(gradients, 1), clipByValue(gradients, 1)]) {
      clipped.a.dispose();
      clipped.b[0].dispose();
    }
    globalNorm(gradients).dispose();
    expect(memory().tensors).toBe(before);
    expect([...gradients.a.values, ...gradients.b[0].values]).toEqual([3, 4, 0]);
  });
});

describe('clipByValue', () => {
  test.prop([trees, fc.constantFrom(0.25, 1, 1.5)])('limits every element', (tree, limit) => {
    expect(elements(clipByValue(tree, limit))).toEqual(
      elements(tree).map((value) => Math.min(limit, Math.max(-limit, value))),
    );
  });
});
