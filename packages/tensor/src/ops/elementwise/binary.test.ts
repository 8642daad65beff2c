import { fc, test } from '@fast-check/vitest';
import { describe, expect, expectTypeOf } from 'vitest';
import { broadcastShapes } from '../../check-shape.js';
import { full, tensor, zeros } from '../../create.js';
import type { DType } from '../../dtype.js';
import { DTypeError, ShapeError } from '../../errors.js';
import { toBackend } from '../../move.js';
import { type Shape, sizeOf, stridesOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { broadcastableShapes, checkOp, shapes, tensors, tensorsAwayFromZero } from '../../testing/index.js';
import { add, div, maximum, minimum, mod, mul, pow, sub } from './binary.js';
import { equal, greater, greaterEqual, less, lessEqual, notEqual } from './compare.js';
import { where } from './where.js';

/** The element of x that broadcasting puts at `index`: aligned at the last axis, position 0 along axes of size 1. */
function elementAt(x: Tensor, index: readonly number[]): number {
  const strides = stridesOf(x.shape);
  const at = index.slice(index.length - x.rank).map((position, axis) => (x.shape[axis] === 1 ? 0 : position));
  return x.values[at.reduce((offset, position, axis) => offset + position * strides[axis], 0)];
}

function oracle(shape: Shape, element: (index: readonly number[]) => number): number[] {
  return Array.from({ length: sizeOf(shape) }, (_, at) =>
    element(shape.map((size, axis) => Math.floor(at / stridesOf(shape)[axis]) % size)),
  );
}

const pairs = broadcastableShapes().chain(([a, b]) => fc.tuple(tensors(a), tensors(b)));
const pairsAwayFromZero = broadcastableShapes({ maxRank: 3, maxSize: 3 }).chain(([a, b]) =>
  fc.tuple(tensorsAwayFromZero(a), tensorsAwayFromZero(b)),
);

type Op = (a: Tensor, b: Tensor) => Tensor<DType>;
type Case = readonly [name: string, op: Op, meaning: (a: number, b: number) => number | boolean];

const arithmetic: readonly Case[] = [
  ['add', add, (a, b) => a + b],
  ['sub', sub, (a, b) => a - b],
  ['mul', mul, (a, b) => a * b],
  ['div', div, (a, b) => a / b],
  ['pow', pow, (a, b) => a ** b],
  ['mod', mod, (a, b) => a - b * Math.floor(a / b)],
  ['maximum', maximum, Math.max],
  ['minimum', minimum, Math.min],
];

const comparisons: readonly Case[] = [
  ['equal', equal, (a, b) => a === b],
  ['notEqual', notEqual, (a, b) => a !== b],
  ['less', less, (a, b) => a < b],
  ['lessEqual', lessEqual, (a, b) => a <= b],
  ['greater', greater, (a, b) => a > b],
  ['greaterEqual', greaterEqual, (a, b) => a >= b],
];

describe('broadcasting', () => {
  for (const [name, op, f] of [...arithmetic, ...comparisons]) {
    test.prop([pairs], { numRuns: 50 })(`${name} reads each operand where NumPy does`, ([a, b]) => {
      const y = op(a, b);
      expect(y.shape).toEqual(broadcastShapes(name, a.shape, b.shape));
      const expected = oracle(y.shape, (index) => Math.fround(Number(f(elementAt(a, index), elementAt(b, index)))));
      expect([...y.values]).toEqual(expected);
    });
  }

  test.prop([pairs])('addition and multiplication commute', ([a, b]) => {
    expect(add(a, b).values).toEqual(add(b, a).values);
    expect(mul(a, b).values).toEqual(mul(b, a).values);
  });

  test.prop([shapes().chain((shape) => tensors(shape))])('0 and 1 are neutral', (x) => {
    expect(add(x, 0).values).toEqual(x.values);
    expect(mul(1, x).values).toEqual(x.values);
    expect(div(x, 1).values).toEqual(x.values);
    expect(pow(x, 1).values).toEqual(x.values);
  });

  test('an axis of size 0 gives an empty result', () => {
    expect(add(zeros([0, 3]), zeros([1, 3])).shape).toEqual([0, 3]);
  });

  test('explains shapes that do not broadcast', () => {
    expect(() => add(zeros([2, 3]), zeros([2]))).toThrow(ShapeError);
    expect(() => add(zeros([2, 3]), zeros([2]))).toThrow('add: shapes [2, 3] and [2] do not broadcast');
  });
});

describe('arithmetic', () => {
  for (const [name, op] of Object.entries({ add, sub, mul, div })) {
    test.prop([pairsAwayFromZero], { numRuns: 25 })(`${name} obeys the laws of ops`, (inputs) => {
      checkOp((a: Tensor, b: Tensor) => op(a, b), inputs, { step: 2e-3, gradientTolerance: 2e-2 });
    });
  }

  test.prop(
    [
      broadcastableShapes({ maxRank: 3, maxSize: 3 }).chain(([a, b]) =>
        fc.tuple(tensors(a, { min: 0.5 }), tensors(b, { min: -2 })),
      ),
    ],
    { numRuns: 25 },
  )('pow obeys the laws of ops', (inputs) => {
    checkOp((a: Tensor, b: Tensor) => pow(a, b), inputs, { step: 2e-3, gradientTolerance: 2e-2 });
  });

  test('mod has the sign of the divisor, and is exact for any quotient', () => {
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    const remainders = (a: number[], b: number | Tensor): number[] => [...mod(tensor(a), b).values];
    expect(remainders([7, -7, 0.75, -0.75, 1e30], 3)).toEqual([1, 2, 0.75, 2.25, Math.fround(1e30) % 3]);
    expect(remainders([7, -7, 6], -3)).toEqual([-2, -1, 0]);
    expect(remainders([1, -1, infinity, nan], infinity)).toEqual([1, infinity, nan, nan]);
    expect(remainders([1, 0, -infinity], 0)).toEqual([nan, nan, nan]);
    expect(remainders([1e38, 1, 5, 1e-40], tensor([3e-45, nan, 1e-45, 1e30]))).toEqual([
      ...[Math.fround(1e38) % Math.fround(3e-45), nan, 0, Math.fround(1e-40)],
    ]);
  });

  test.each(['f32', 'i32'] as const)('mod of multiples is 0 on all kernels (%s)', (dtype) => {
    const [a, b] = [tensor([6, -6, 6, -6, 0], { dtype }), tensor([3, 3, -3, -3, -3], { dtype })];
    expect([...mod(a, b).values]).toEqual([0, 0, 0, 0, 0]);
    checkOp((a: Tensor<DType>, b: Tensor<DType>) => mod(a, b), [a, b], { gradient: false });
  });

  test('mod of integers has the sign of the divisor, and is 0 for a division by 0', () => {
    const a = tensor([7, -7, 7, -7, 5], { dtype: 'i32' });
    expect([...mod(a, tensor([3, 3, -3, -3, 0], { dtype: 'i32' })).values]).toEqual([1, 2, -2, -1, 0]);
    expect([...mod(tensor([250, 7], { dtype: 'u8' }), 100).values]).toEqual([50, 7]);
    expect([...mod(tensor([-300], { dtype: 'i16' }), 7).values]).toEqual([1]);
  });

  // Quotients away from whole numbers, where the remainder jumps.
  const between = broadcastableShapes({ maxRank: 3, maxSize: 3 }).chain(([a, b]) =>
    fc.tuple(tensors(a, { min: 0.1, max: 0.9 }), fc.integer({ min: -4, max: 4 }), fc.constant(b)),
  );
  test.prop([between, fc.constantFrom(1, -1)], { numRuns: 25 })(
    'mod obeys the laws of ops',
    ([part, whole, b], sign) => {
      const divisor = full(b, 2 * sign);
      checkOp((a: Tensor, b: Tensor) => mod(a, b), [mul(add(part, whole), 2), divisor], { step: 1e-2 });
    },
  );

  test('the derivatives of pow are finite at 0', () => {
    const squared = (x: Tensor) => pow(x, 2);
    checkOp(squared, [tensor([0, -1, 2])]);
    checkOp((x: Tensor) => pow(x, 0), [tensor([0, -1, 2])]);
    checkOp((exponent: Tensor) => pow(0, exponent), [tensor([1, 2])]);
  });

  for (const [name, op] of Object.entries({ maximum, minimum })) {
    test.prop([pairs.filter(([a, b]) => !equal(a, b).values.includes(1))], { numRuns: 25 })(
      `${name} obeys the laws of ops`,
      (inputs) => checkOp((a: Tensor, b: Tensor) => op(a, b), inputs, { step: 2e-3 }),
    );
  }

  test('integers stay integers', () => {
    const a = tensor([7, -7, 3], { dtype: 'i32' });
    expect([...mul(a, 2).values]).toEqual([14, -14, 6]);
    expect([...div(a, 2).values]).toEqual([3, -3, 1]);
    expect(() => mul(a, 0.5)).toThrow(DTypeError);
  });

  test('operands of different dtypes are refused', () => {
    const [a, b] = [tensor([1]), tensor([1], { dtype: 'i32' })];
    // @ts-expect-error: f32 and i32
    expect(() => add(a, b)).toThrow(
      "add: a is f32, but b is i32. Convert one of them, for example with cast(b, 'f32').",
    );
    // @ts-expect-error: neither is a tensor
    expect(() => add(1, 2)).toThrow(DTypeError);
  });

  test('the type of the result follows the operands', () => {
    const [x, i] = [tensor([1]), tensor([1], { dtype: 'i32' })];
    expectTypeOf(add(x, x)).toEqualTypeOf<Tensor<'f32'>>();
    expectTypeOf(add(1, i)).toEqualTypeOf<Tensor<'i32'>>();
    expectTypeOf(pow(i, 2)).toEqualTypeOf<Tensor<'i32'>>();
    expectTypeOf(less(i, 2)).toEqualTypeOf<Tensor<'u8'>>();
    expectTypeOf(where(less(x, 0), 0, i)).toEqualTypeOf<Tensor<'i32'>>();
    expect(less(i, 2).dtype).toBe('u8');
  });
});

describe('where', () => {
  const choices = broadcastableShapes({ maxRank: 3, maxSize: 3 }).chain(([condition, a]) =>
    fc.tuple(
      tensors(condition).map((x) => greater(x, 0)),
      tensors(a),
      tensors(a.slice(-1)),
    ),
  );

  test.prop([choices], { numRuns: 40 })('selects elements, with broadcasting', ([condition, a, b]) => {
    const y = where(condition, a, b);
    const flags = tensor([...condition.values], { shape: condition.shape });
    expect([...y.values]).toEqual(
      oracle(y.shape, (index) => (elementAt(flags, index) === 1 ? elementAt(a, index) : elementAt(b, index))),
    );
    checkOp((a: Tensor, b: Tensor) => where(toBackend(condition), a, b), [a, b]);
  });
});
