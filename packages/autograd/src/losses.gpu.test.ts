import { Rng, tensor, toBackend } from '@mobinet/tensor';
import { expect, test } from 'vitest';
import { crossEntropy } from './losses.js';

test.each([-1, 3, 2 ** 31 - 1, -(2 ** 31)])(
  'a label %i for three classes makes the loss NaN on a GPU',
  async (label) => {
    const logits = toBackend(Rng.fromSeed(1).normal([4, 3]), 'webgpu');
    const lossOf = (labels: number[]) =>
      crossEntropy(logits, toBackend(tensor(Int32Array.from(labels), { dtype: 'i32' }), 'webgpu')).item();
    expect(await lossOf([0, label, 2, 1])).toBeNaN();
    expect(await lossOf([0, 1, 2, 1])).toBeGreaterThan(0);
    const sumOf = (labels: number[]) => {
      const options = { reduction: 'sum', ignoreIndex: -100 } as const;
      return crossEntropy(logits, toBackend(tensor(labels, { dtype: 'i32' }), 'webgpu'), options).item();
    };
    expect(await sumOf([0, label, 2, 1])).toBeNaN();
    expect(await sumOf([0, -100, 2, 1])).toBeGreaterThan(0);
  },
);
