import { describe, expect, test } from 'vitest';
import { concat, exp, gather, matmul, packBits, sum, type Tensor, tensor, unpackBits } from './functions.js';
import { apply, applyInto, defineOp } from './op.js';

// Types forbid these calls, but programs in JavaScript and casts get around them.
const integers = tensor([[1, 2]], { dtype: 'i32' }) as never;
const signs = packBits(tensor([1])) as never;

describe('the dtypes that an op accepts', () => {
  test('are f32 by default', () => {
    expect(() => exp(integers)).toThrow("exp: input 0 must be f32, not i32. Use cast(x, 'f32').");
    expect(() => matmul(tensor([[1], [1]]), integers)).toThrow('matmul: input 1 must be f32, not i32');
    expect(() => exp(signs)).toThrow('exp: input 0 must be f32, not bits. Use unpackBits(x).');
  });

  test('may be others for each input', () => {
    expect(sum(integers).values[0]).toBe(3);
    expect(() => gather(tensor([1, 2]), tensor([1]) as never)).toThrow('gather: input 1 must be i32, not f32');
    expect(() => sum(signs)).toThrow(
      'sum: input 0 must be f32 or i32 or u32 or i16 or u8, not bits. Use unpackBits(x).',
    );
    expect(() => unpackBits(tensor([1]) as never)).toThrow(/unpackBits: .*packBits\(/);
    expect([...unpackBits(packBits(tensor([-2, 3]))).values]).toEqual([-1, 1]);
  });

  test('are those of the last one for further inputs', () => {
    const first = defineOp<readonly [Tensor<'i32'>, ...Tensor[]], [Tensor]>({
      name: 'first',
      accepts: [['i32'], ['f32']],
      outputs: ([{ shape }]) => [{ dtype: 'f32', shape }],
      reference: ([x], [y]) => y.values.set(x.values),
    });
    const [index, float] = [tensor([3], { dtype: 'i32' }), tensor([0.5])];
    expect(apply(first, [index, float, float], undefined)[0].values[0]).toBe(3);
    expect(() => apply(first, [index, float, index as never], undefined)).toThrow(
      'first: input 2 must be f32, not i32',
    );
    expect(() => applyInto(first, [index, index as never], [float], undefined)).toThrow(
      'first: input 1 must be f32, not i32',
    );
    expect(float.values[0]).toBe(0.5);
    expect(concat([index, index, index], 0).values).toHaveLength(3);
  });
});
