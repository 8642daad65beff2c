import { mul, sum, type Tensor, tensor } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { onCompleteGradients } from './complete-gradients.js';
import { valueAndGradient } from './differentiate.js';

describe('onCompleteGradients', () => {
  test('reports each gradient once, with its final elements, the last layer first', () => {
    const loss = valueAndGradient(({ a, b }: { a: Tensor; b: Tensor; unused: Tensor }) =>
      // a is used twice, before and after b.
      sum(mul(mul(mul(a, 2), b), a)),
    );
    const parameters = { a: tensor([1, 2]), b: tensor([3, 4]), unused: tensor([5]) };
    const seen: [string, number[]][] = [];
    const { gradients } = onCompleteGradients(
      (path, gradient) => seen.push([path, [...gradient.values]]),
      () => loss(parameters),
    );
    expect(seen).toEqual([
      ['b', [...gradients.b.values]],
      ['a', [...gradients.a.values]],
    ]);
    expect([...gradients.unused.values]).toEqual([0]);
    loss(parameters);
    expect(seen).toHaveLength(2);
  });
});
