import { fc, test } from '@fast-check/vitest';
import { describe, expect, expectTypeOf } from 'vitest';
import { withoutMemory } from '../../absent.js';
import { tensor, zeros } from '../../create.js';
import { type DType, dtypes } from '../../dtype.js';
import { compile } from '../../program/compile.js';
import { type Shape, sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, shapes } from '../../testing/index.js';
import { groups } from '../reduce/reduce.test.helper.js';
import { argsort, sort } from './sort.js';
import { topK } from './top-k.js';
import { unique } from './unique.js';

/** Elements with many ties and, in f32, NaN and infinities. */
const elements = (shape: Shape, dtype: DType): fc.Arbitrary<Tensor<DType>> => {
  const { NaN: nan, POSITIVE_INFINITY: infinity, NEGATIVE_INFINITY: less } = Number;
  const choices = dtype === 'f32' ? [0, -0, 1, 2, -1.5, nan, infinity, less] : [0, 1, 2, 200, 3];
  return fc
    .array(fc.constantFrom(...choices), { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
    .map((values) => tensor(values, { shape, dtype }));
};

const inputs = shapes({ minRank: 1, maxRank: 3 }).chain((shape) =>
  fc.record({
    x: fc.constantFrom(...dtypes).chain((dtype) => elements(shape, dtype)),
    axis: fc.nat({ max: shape.length - 1 }),
    descending: fc.boolean(),
  }),
);

/** The definition, by selection: the first of the elements that come next, again and again. */
function sorted(line: readonly number[], descending: boolean): number[] {
  const left = [...line.keys()];
  const isBefore = (a: number, b: number): boolean => (Number.isNaN(b) && !Number.isNaN(a)) || a < b;
  const order: number[] = [];
  while (left.length > 0) {
    const next = left.reduce((best, at) => {
      const [a, b] = [line[at], line[best]];
      return (descending ? isBefore(b, a) : isBefore(a, b)) ? at : best;
    });
    order.push(...left.splice(left.indexOf(next), 1));
  }
  return order;
}

describe('sort and argsort', () => {
  test.prop([inputs], { numRuns: 100 })('order each line, and keep the order of ties', ({ x, axis, descending }) => {
    const order = argsort(x, { axis, descending });
    const y = sort(x, { axis: axis - x.rank, descending });
    expect([order.dtype, y.dtype]).toEqual(['i32', x.dtype]);
    expect([order.shape, y.shape]).toEqual([x.shape, x.shape]);
    const [found, values] = [order, y].map((tensor) => groups(tensor, [axis]));
    groups(x, [axis]).forEach((line, at) => {
      const expected = sorted(line, descending);
      expect(found[at]).toEqual(expected);
      expect(values[at]).toEqual(expected.map((index) => line[index]));
    });
  });

  // Differences of more than a step, so that it does not change the order.
  const distinctRows = shapes({ minRank: 1, maxRank: 3, maxSize: 4 }).chain((shape) =>
    fc.record({
      x: fc.shuffledSubarray([...new Array(sizeOf(shape)).keys()], { minLength: sizeOf(shape) }).map((ranks) =>
        tensor(
          Float32Array.from(ranks, (rank) => rank / 8 - 1),
          { shape },
        ),
      ),
      axis: fc.nat({ max: shape.length - 1 }),
      descending: fc.boolean(),
    }),
  );

  test.prop([distinctRows], { numRuns: 30 })('obey the laws of ops', ({ x, axis, descending }) => {
    checkOp((x: Tensor) => sort(x, { axis, descending }), [x]);
    checkOp((x: Tensor) => argsort(x, { axis, descending }), [x], { gradient: false });
  });

  test('can be part of a program', () => {
    const x = tensor([3, 1, 2]);
    const program = compile((x) => [sort(x as Tensor), argsort(x as Tensor)], [{ dtype: 'f32', shape: [3] }]);
    const [values, indices] = program.run([x]) as Tensor[];
    expect([...values.values, ...indices.values]).toEqual([1, 2, 3, 1, 2, 0]);
    program.dispose();
    expect(withoutMemory(() => sort(zeros([2, 3])).shape)).toEqual([2, 3]);
  });

  test('keep the dtype in the type', () => {
    expectTypeOf(sort(zeros([2], 'u8'))).toEqualTypeOf<Tensor<'u8'>>();
    expectTypeOf(argsort(zeros([2]))).toEqualTypeOf<Tensor<'i32'>>();
    expectTypeOf(topK(zeros([2], 'i16'), 1).values).toEqualTypeOf<Tensor<'i16'>>();
    expectTypeOf(unique(zeros([2], 'u32')).values).toEqualTypeOf<Tensor<'u32'>>();
  });

  test('take tensors without elements', () => {
    expect(sort(zeros([2, 0])).shape).toEqual([2, 0]);
    expect(argsort(zeros([0, 3]), { axis: 0 }).shape).toEqual([0, 3]);
  });

  test.each([sort, argsort])('$name explains wrong arguments', (f) => {
    const { name } = f;
    expect(() => f(zeros([2]), { axis: 1 })).toThrow(`${name}: axis 1 is out of range for a tensor of rank 1`);
    expect(() => f(zeros([]))).toThrow(`${name}: axis -1 is out of range for a tensor of rank 0`);
    expect(() => f(zeros([2]), { descending: 'yes' as never })).toThrow(
      `${name}: descending must be one of true, false`,
    );
    expect(() => f(zeros([2]), { stable: true } as never)).toThrow(`${name} has no option "stable"`);
    expect(() => f([2, 1] as never)).toThrow(`${name}: x must be a tensor`);
  });
});
