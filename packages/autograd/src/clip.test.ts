import { fc, test } from '@fast-check/vitest';
import { memory, type Tensor, tensor } from '@mobinet/tensor';
import { tensors } from '@mobinet/tensor/testing';
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

describe('globalNorm', () => {
  test.prop([trees])('is the Euclidean norm of all elements', (tree) => {
    expect(globalNorm(tree)).toBeCloseTo(Math.hypot(...elements(tree)), 9);
  });

  test('does not overflow f32', () => {
    expect(globalNorm([tensor([3e30]), tensor([4e30])]) / 5e30).toBeCloseTo(1, 6);
  });
});

describe('clipByGlobalNorm', () => {
  test.prop([trees, fc.double({ min: 0.01, max: 10, noNaN: true })])(
    'limits the norm, and keeps the direction',
    (tree, maxNorm) => {
      const clipped = clipByGlobalNorm(tree, maxNorm);
      const norm = globalNorm(tree);
      expect(globalNorm(clipped)).toBeLessThanOrEqual(maxNorm * (1 + 1e-6));
      if (norm <= maxNorm) expect(elements(clipped)).toEqual(elements(tree));
      else expect(globalNorm(clipped)).toBeCloseTo(maxNorm, 5);
      const scale = norm > maxNorm ? maxNorm / norm : 1;
      expect(elements(clipped)).toEqual(elements(tree).map((value) => expect.closeTo(value * scale, 5)));
      expect(clipped.layers.length).toBe(tree.layers.length);
      expect(clipped.w.shape).toEqual([2, 3]);
    },
  );

  test('makes new tensors, and nothing else', () => {
    const gradients = { a: tensor([3]), b: [tensor([4, 0])] };
    const before = memory().tensors;
    for (const clipped of [clipByGlobalNorm(gradients, 1), clipByValue(gradients, 1)]) {
      clipped.a.dispose();
      clipped.b[0].dispose();
    }
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
