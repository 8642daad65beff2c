import { describe, expect, expectTypeOf, test } from 'vitest';
import { type Tensor, tensor } from './index.js';

describe('methods of Tensor', () => {
  const x = tensor([[1, 2, 3], [4, 5, 6]]); // biome-ignore format: a matrix

  test('are the free functions of the same names', () => {
    expect([...x.sub(1).mul(x).sum({ axes: 1 }).values]).toEqual([8, 62]);
    expect([...x.transpose().reshape([6]).slice([1], [3]).values]).toEqual([4, 2]);
    expect([...x.matmul(x.transpose()).values]).toEqual([14, 32, 32, 77]);
    expect([...x.neg().clip(-4, -2).argMax().values]).toEqual([0, 0]);
  });

  test('have the right dtypes', () => {
    const indices = x.argMax();
    expectTypeOf(indices.add(1)).toEqualTypeOf<Tensor<'i32'>>();
    expectTypeOf(x.mean()).toEqualTypeOf<Tensor>();
    // @ts-expect-error: i32 has no exponential
    expect(() => indices.exp()).toThrow('exp: input 0 must be f32, not i32');
    // @ts-expect-error: f32 and i32 cannot be mixed
    expect(() => x.add(indices)).toThrow('add: a is f32, but b is i32');
  });
});
