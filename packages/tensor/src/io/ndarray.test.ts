import { fc, test } from '@fast-check/vitest';
import ndarray from 'ndarray';
import { describe, expect, expectTypeOf } from 'vitest';
import { memory } from '../backend.js';
import { tensor, zeros } from '../create.js';
import { DTypeError } from '../errors.js';
import { sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { shapes } from '../testing/index.js';
import { fromNdarray, type NdArray, toNdarray } from './ndarray.js';

const image = () =>
  ndarray(
    Float32Array.from({ length: 24 }, (_, at) => at),
    [2, 3, 4],
  );

describe('toNdarray', () => {
  test('shares memory in both directions', () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const a = toNdarray(x);
    expectTypeOf(a).toEqualTypeOf<NdArray<Float32Array>>();
    expect([a.shape, a.stride, a.offset, a.dtype]).toEqual([[2, 3], [3, 1], 0, 'float32']);
    a.set(1, 2, 60);
    expect(x.values[5]).toBe(60);
    x.values[0] = 10;
    expect(a.transpose(1, 0).get(0, 0)).toBe(10);
  });

  test('accepts scalars and empty tensors', () => {
    expect(toNdarray(tensor(7)).get()).toBe(7);
    expect(toNdarray(zeros([0, 2])).size).toBe(0);
  });
});

describe('fromNdarray', () => {
  test('copies, so that neither sees writes to the other', () => {
    const a = image();
    const before = memory().bytes;
    const x = fromNdarray(a.pick(1));
    expectTypeOf(x).toEqualTypeOf<Tensor<'f32'>>();
    expect([x.dtype, x.shape, x.values[0], memory().bytes - before]).toEqual(['f32', [3, 4], 12, 48]);
    x.values[0] = -1;
    expect(a.get(1, 0, 0)).toBe(12);
  });

  test('accepts Node buffers, as image decoders return them', () => {
    const x = fromNdarray(ndarray(Buffer.from([1, 2, 3, 4, 5, 255]), [3, 2]));
    expectTypeOf(x).toEqualTypeOf<Tensor<'u8'>>();
    expect([...x.values]).toEqual([1, 2, 3, 4, 5, 255]);
  });

  test.prop([shapes({ minRank: 3, maxRank: 3, maxSize: 4 }), fc.constantFrom([0, 2, 1], [2, 1, 0], [1, 2, 0])])(
    'copies transposed, stepped and sliced views element by element',
    (shape, axes) => {
      const whole = ndarray(
        Float32Array.from({ length: sizeOf(shape) }, (_, at) => at),
        shape,
      );
      const view = whole
        .transpose(...axes)
        .step(-1, 2, 1)
        .lo(null, 0, 1);
      const x = fromNdarray(view);
      const elements: number[] = [];
      for (let i = 0; i < view.shape[0]; i++)
        for (let j = 0; j < view.shape[1]; j++)
          for (let k = 0; k < view.shape[2]; k++) elements.push(view.get(i, j, k));
      expect([...x.values]).toEqual(elements);
    },
  );

  test('converts other element types to f32', () => {
    const x = fromNdarray(ndarray(Float64Array.of(0.5, 1e300), [2]));
    expectTypeOf(x).toEqualTypeOf<Tensor<'f32'>>();
    expect([x.dtype, ...x.values]).toEqual(['f32', 0.5, Infinity]);
    expect([...fromNdarray(ndarray([1, 2, 3], [3])).values]).toEqual([1, 2, 3]);
    expect([...fromNdarray(ndarray(Int8Array.of(-5), [])).values]).toEqual([-5]);
  });

  test('rejects views that exceed their data, and big integers', () => {
    expect(() => fromNdarray(ndarray(new Uint8Array(8), [3, 3]))).toThrow(
      new RangeError('fromNdarray: the view needs elements 0 to 8, but its data has only 8'),
    );
    const big = ndarray(new BigInt64Array(2) as unknown as Float32Array, [2]);
    expect(() => fromNdarray(big)).toThrow(DTypeError);
  });
});
