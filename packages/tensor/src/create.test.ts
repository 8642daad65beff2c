import { fc, test } from '@fast-check/vitest';
import { describe, expect, expectTypeOf } from 'vitest';
import { poisonNewBlocks } from './backends/cpu/heap.js';
import { arange, eye, full, linspace, oneHot, ones, scalar, tensor, zeros } from './create.js';
import { DTypeError, ShapeError } from './errors.js';
import { sizeOf } from './shape.js';
import type { Tensor } from './tensor.js';
import { shapes } from './testing/index.js';

describe('tensor', () => {
  test('reads nested arrays', () => {
    const x = tensor([
      [
        [1, 2],
        [3, 4],
      ],
      [
        [5, 6],
        [7, 8],
      ],
      [
        [9, 10],
        [11, 12],
      ],
    ]);
    expect([x.dtype, x.shape, x.rank, x.size]).toEqual(['f32', [3, 2, 2], 3, 12]);
    expect([...x.values]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  test.prop([shapes({ minSize: 0 })])('reads flat arrays of every shape', (shape) => {
    const values = Array.from({ length: sizeOf(shape) }, (_, at) => at);
    const x = tensor(values, { shape });
    expect(x.shape).toEqual(shape);
    expect([...x.values]).toEqual(values);
  });

  test('reads scalars and empty arrays', () => {
    expect([tensor(3).shape, tensor([]).shape, tensor([[], []]).shape]).toEqual([[], [0], [2, 0]]);
  });

  test('copies the values and the shape', () => {
    const values = new Float32Array(4);
    const shape = [2, 2];
    const x = tensor(values, { shape });
    values[0] = 1;
    shape[0] = 5;
    expect([x.values[0], ...x.shape]).toEqual([0, 2, 2]);
  });

  test('takes its dtype from the option or a typed array, and defaults to f32', () => {
    expectTypeOf(tensor([1])).toEqualTypeOf<Tensor<'f32'>>();
    expectTypeOf(tensor([1], { shape: [1, 1] })).toEqualTypeOf<Tensor<'f32'>>();
    expectTypeOf(tensor([1], { dtype: 'i32' })).toEqualTypeOf<Tensor<'i32'>>();
    expectTypeOf(tensor(new Uint8Array(1))).toEqualTypeOf<Tensor<'u8'>>();
    expectTypeOf(tensor(new Int32Array(1), { shape: [] })).toEqualTypeOf<Tensor<'i32'>>();
    expectTypeOf(tensor(new Int32Array(1), { dtype: 'f32' })).toEqualTypeOf<Tensor<'f32'>>();
    // @ts-expect-error f64 is not a dtype
    expect(() => tensor([1], { dtype: 'f64' })).toThrow('dtype must be one of f32, i32, u32, i16, u8, not "f64"');
    const dtypes = [tensor([1]), tensor([1], { dtype: 'i32' }), tensor(new Uint32Array(1)), tensor(Buffer.of(1))];
    expect(dtypes.map(({ dtype }) => dtype)).toEqual(['f32', 'i32', 'u32', 'u8']);
    expect([...tensor(new Float32Array([1.5, -1.5]), { dtype: 'i32' }).values]).toEqual([1, -1]);
  });

  test('refuses bigints', () => {
    expect(() => tensor(new BigInt64Array(2) as never)).toThrow(DTypeError);
    expect(() => tensor([5n] as never)).toThrow(/^tensor: values\[0\] is .*, not a number$/);
  });

  test.each([
    [['1'], '[0] is "1", not a number'],
    [[[1], [true]], '[1][0] is true, not a number'],
    [[1, null], '[1] is null, not a number'],
    [undefined, ' is undefined, not a number'],
    [[new Float32Array(2)], '[0] is a Float32Array, not a number'],
    [[[1, 2], new Float32Array(2)], '[1] is a Float32Array, not an array of 2'],
    [[ones([2])], '[0] is a tensor of shape [2], not a number'],
  ])('refuses elements that are not numbers: %s', (values, problem) => {
    expect(() => tensor(values as never)).toThrow(new TypeError(`tensor: values${problem}`));
  });

  test('explains ragged arrays and shapes that do not fit', () => {
    expect(() => tensor([[1, 2], [3]])).toThrow('tensor: ragged array: values[1] is [3], not an array of 2');
    expect(() => tensor([[1], 2])).toThrow('tensor: ragged array: values[1] is 2, not an array of 1');
    expect(() =>
      tensor([
        [1, 2],
        [3, [4]],
      ] as never),
    ).toThrow('ragged array: values[1][1] is [4], not a number');
    expect(() => tensor([1, 2, 3], { shape: [2, 2] })).toThrow('tensor: 3 values do not fill shape [2, 2] (4)');
    expect(() => tensor([1], { shape: [-1] })).toThrow(ShapeError);
  });
});

describe('factories', () => {
  test('write every element of recycled memory', () => {
    poisonNewBlocks(0xff);
    try {
      expect([...zeros([2, 2]).values]).toEqual([0, 0, 0, 0]);
      expect([...ones([3], 'u8').values]).toEqual([1, 1, 1]);
      expect([...full([2], -7, 'i32').values]).toEqual([-7, -7]);
      expect([...eye(3).values]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
      expect([...oneHot(tensor([2, 0], { dtype: 'i32' }), 3).values]).toEqual([0, 0, 1, 1, 0, 0]);
      expect([...scalar(4).values]).toEqual([4]);
    } finally {
      poisonNewBlocks(null);
    }
  });

  test('have the right dtypes', () => {
    expectTypeOf(zeros([1])).toEqualTypeOf<Tensor<'f32'>>();
    expectTypeOf(zeros([1], 'u8')).toEqualTypeOf<Tensor<'u8'>>();
    expectTypeOf(ones([1], 'i32')).toEqualTypeOf<Tensor<'i32'>>();
    expectTypeOf(full([1], 2, 'u32')).toEqualTypeOf<Tensor<'u32'>>();
    expectTypeOf(scalar(1)).toEqualTypeOf<Tensor<'f32'>>();
    expectTypeOf(arange(3)).toEqualTypeOf<Tensor<'i32'>>();
    expectTypeOf(arange(0, 1, 0.5, 'f32')).toEqualTypeOf<Tensor<'f32'>>();
    expectTypeOf(eye(2)).toEqualTypeOf<Tensor<'f32'>>();
  });

  test('are named in errors', () => {
    expect(() => zeros([1.5])).toThrow('zeros: [1.5] is not a shape');
    expect(() => ones([-1])).toThrow('ones: [-1] is not a shape');
    expect(() => eye(-1)).toThrow('eye: [-1, -1] is not a shape');
    expect(() => zeros([2 ** 25, 2 ** 25])).toThrow(
      /^out of memory: zeros requested .* while \d+ live tensors hold .* tidy\(\) or dispose\(\)\.\n.*#out-of-memory$/,
    );
  });

  test('oneHot keeps all axes, and rejects an index that is out of range', () => {
    expect(oneHot(tensor([[0], [1]], { dtype: 'u8' }), 4).shape).toEqual([2, 1, 4]);
    expect(() => oneHot(tensor([3], { dtype: 'i32' }), 3)).toThrow(new RangeError('oneHot: index 3 is outside 0 … 2'));
  });
});

describe('linspace', () => {
  const ends = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });

  test.prop([ends, ends, fc.integer({ min: 2, max: 50 })])(
    'is evenly spaced, with exact ends',
    (start, stop, count) => {
      const { values, shape } = linspace(start, stop, count);
      expect(shape).toEqual([count]);
      expect(values[0] === start && values[count - 1] === stop).toBe(true);
      values.forEach((value, i) => {
        const exact = start + (i * (stop - start)) / (count - 1);
        expect(Math.abs(value - exact)).toBeLessThanOrEqual(1e-7 * Math.max(Math.abs(start), Math.abs(stop), 1e-30));
      });
    },
  );

  test('has one number or none', () => {
    expect([...linspace(2, 5, 1).values]).toEqual([2]);
    expect(linspace(2, 5, 0).shape).toEqual([0]);
  });

  test('refuses infinite ends and counts that are not whole', () => {
    expect(() => linspace(0, Infinity, 3)).toThrow('linspace: stop must be a finite number, not Infinity');
    expect(() => linspace(0, 1, 2.5)).toThrow('linspace: count must be a whole number of at least 0, not 2.5');
    expect(() => linspace(0, 1, undefined as never)).toThrow(RangeError);
  });
});

describe('arange', () => {
  test.prop([fc.integer({ min: -20, max: 20 }), fc.integer({ min: -20, max: 20 }), fc.integer({ min: -5, max: 5 })])(
    'equals a loop',
    (start, stop, step) => {
      fc.pre(step !== 0);
      const counted: number[] = [];
      for (let at = start; step > 0 ? at < stop : at > stop; at += step) counted.push(at);
      expect([...arange(start, stop, step).values]).toEqual(counted);
    },
  );

  test('supports fractional steps for f32', () => {
    expect([...arange(0, 1, 0.25, 'f32').values]).toEqual([0, 0.25, 0.5, 0.75]);
    expect(() => arange(0, 1, 0.25)).toThrow(
      new RangeError("arange: start 0 and step 0.25 are not whole numbers. Pass the dtype 'f32'."),
    );
  });

  test('rejects a step of 0', () => {
    expect(() => arange(0, 1, 0)).toThrow(new RangeError('arange: cannot count from 0 to 1 by 0'));
    expect(() => arange(Infinity)).toThrow(RangeError);
  });
});
