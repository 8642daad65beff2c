import { describe, expect, expectTypeOf, test } from 'vitest';
import * as functions from './functions.js';
import { Tensor, tensor } from './index.js';

describe('methods of Tensor', () => {
  const x = tensor([[1, 2, 3], [4, 5, 6]]); // biome-ignore format: a matrix

  test('are the free functions of the same names', () => {
    expect([...x.sub(1).mul(x).sum({ axes: 1 }).values]).toEqual([8, 62]);
    expect([...x.transpose().reshape([6]).slice([1], [3]).values]).toEqual([4, 2]);
    expect([...x.matmul(x.transpose()).values]).toEqual([14, 32, 32, 77]);
    expect([...x.neg().clip(-4, -2).argMax().values]).toEqual([0, 0]);
  });

  test('replace operators, which are refused where they would give NaN, while texts can be made', () => {
    const message = 'a tensor of shape [2, 3] is not a number. Use mul(a, b) and the like, or await x.item().';
    expect(() => 2 * (x as never)).toThrow(message);
    expect(() => (x as never) < 2).toThrow(message);
    expect(`${x}`).toBe(x.toString());
  });

  test('all do what the functions of these names do', () => {
    const names = Object.getOwnPropertyNames(Tensor.prototype).filter((name) => name in functions);
    expect(names.length).toBeGreaterThan(50);
    const extra: Record<string, unknown[]> = {
      broadcastTo: [[2, 2, 3]],
      cast: ['i32'],
      clip: [2, 4],
      expand: [[4, -1, -1]],
      gather: [tensor([1, 0], { dtype: 'i32' })],
      matmul: [x, { transposeB: true }],
      reshape: [[3, 2]],
      slice: [[1]],
      split: [1],
      unsqueeze: [0],
    };
    const two = 'add sub mul div pow maximum minimum mod equal notEqual less lessEqual greater greaterEqual'.split(' ');
    for (const name of two) extra[name] = [3];
    for (const name of names) {
      const rest = extra[name] ?? [];
      const free = (functions as unknown as Record<string, (...given: unknown[]) => Tensor | Tensor[]>)[name](
        x,
        ...rest,
      );
      const fluent = (x as unknown as Record<string, (...given: unknown[]) => Tensor | Tensor[]>)[name](...rest);
      const valuesOf = (result: Tensor | Tensor[]) => [result].flat().map(({ dtype, values }) => [dtype, values]);
      expect(valuesOf(fluent), name).toEqual(valuesOf(free));
    }
  });

  test('have the right dtypes', () => {
    const indices = x.argMax();
    expectTypeOf(indices.add(1)).toEqualTypeOf<Tensor<'i32'>>();
    expectTypeOf(x.mean()).toEqualTypeOf<Tensor>();
    expectTypeOf(x.greater(2)).toEqualTypeOf<Tensor<'u8'>>();
    expectTypeOf(x.greater(2).sum()).toEqualTypeOf<Tensor<'i32'>>();
    expectTypeOf(indices.split(1)).toEqualTypeOf<Tensor<'i32'>[]>();
    // @ts-expect-error: i32 has no exponential
    expect(() => indices.exp()).toThrow('exp: input 0 must be f32, not i32');
    // @ts-expect-error: f32 and i32 cannot be mixed
    expect(() => x.add(indices)).toThrow('add: a is f32, but b is i32');
  });
});
