import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { memory } from '../../backend.js';
import { broadcastShapes } from '../../check-shape.js';
import { ones, scalar, tensor, zeros } from '../../create.js';
import { DTypeError, ShapeError } from '../../errors.js';
import { compile } from '../../program/compile.js';
import { type Shape, sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, tensors } from '../../testing/index.js';
import { matmul } from '../matmul/matmul.js';
import { at, build } from '../shape/oracle.test.helper.js';
import { einsum } from './einsum.js';

/** The definition: loops over all indices. `sizes` has the size of each letter, and all terms are written in letters. */
function loops(terms: readonly string[], output: string, sizes: Record<string, number>, given: Tensor[]): Tensor {
  const letters = Object.keys(sizes);
  const summed = letters.filter((letter) => !output.includes(letter));
  const positions = (sizes: readonly number[]): number[][] =>
    sizes.reduceRight<number[][]>(
      (rest, size) => [...new Array(size).keys()].flatMap((i) => rest.map((tail) => [i, ...tail])),
      [[]],
    );
  return build(
    'f32',
    [...output].map((letter) => sizes[letter]),
    (index) => {
      let sum = 0;
      for (const rest of positions(summed.map((letter) => sizes[letter]))) {
        const where = (letter: string): number =>
          output.includes(letter) ? index[output.indexOf(letter)] : rest[summed.indexOf(letter)];
        let product = 1;
        terms.forEach((term, k) => {
          // An axis of size 1 is repeated.
          const place = [...term].map((letter, axis) => (given[k].shape[axis] === 1 ? 0 : where(letter)));
          product *= at(given[k], place);
        });
        sum += product;
      }
      return sum;
    },
  );
}

interface Example {
  readonly terms: readonly string[];
  readonly output: string;
  readonly sizes: Record<string, number>;
  readonly given: Tensor[];
}

/** Random equations of one to three tensors, with repeated letters, and axes of size 1 that broadcast. */
const examples: fc.Arbitrary<Example> = fc
  .record({
    terms: fc.array(
      fc.array(fc.constantFrom(...'ijkL'), { maxLength: 3 }).map((letters) => letters.join('')),
      { minLength: 1, maxLength: 3 },
    ),
    all: fc.record({ i: fc.integer({ min: 1, max: 3 }), j: fc.constant(2), k: fc.constant(3), L: fc.constant(2) }),
    shrunk: fc.array(fc.nat({ max: 3 }), { minLength: 3, maxLength: 3 }),
  })
  .chain(({ terms, all, shrunk }) => {
    const used = [...new Set(terms.join(''))];
    const repeats = (term: string): boolean => new Set(term).size !== term.length;
    const shapes = terms.map((term, k) =>
      [...term].map((letter, axis) => (shrunk[k] === axis && !repeats(term) ? 1 : all[letter as keyof typeof all])),
    );
    const sizes = Object.fromEntries(
      used.map((letter) => [
        letter,
        Math.max(
          ...terms.flatMap((term, k) => [...term].flatMap((it, axis) => (it === letter ? shapes[k][axis] : []))),
        ),
      ]),
    );
    return fc.record({
      terms: fc.constant(terms),
      sizes: fc.constant(sizes),
      output: fc.shuffledSubarray(used).map((letters) => letters.join('')),
      given: fc.tuple(...shapes.map((shape) => tensors(shape))),
    });
  });

const expectClose = (found: Tensor, expected: Tensor): void => {
  expect(found.shape).toEqual(expected.shape);
  found.values.forEach((value, at) => {
    expect(value).toBeCloseTo(expected.values[at], 3);
  });
};

describe('einsum', () => {
  test.prop([examples], { numRuns: 300 })('sums products over all indices', ({ terms, output, sizes, given }) => {
    expectClose(einsum(`${terms.join(',')}->${output}`, ...given), loops(terms, output, sizes, given));
  });

  test.prop([examples], { numRuns: 100 })('sums over repeated letters by default', ({ terms, sizes, given }) => {
    const all = terms.join('');
    const output = [...all]
      .filter((letter) => all.split(letter).length === 2)
      .sort()
      .join('');
    expectClose(einsum(terms.join(', '), ...given), loops(terms, output, sizes, given));
  });

  test.prop([examples], { numRuns: 40 })('obeys the laws of ops', ({ terms, output, given }) => {
    checkOp((...given: Tensor[]) => einsum(`${terms.join(',')}->${output}`, ...given), given);
  });

  /** Shapes that broadcast, as an ellipsis stands for them. */
  const ellipses = fc
    .array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 })
    .chain((shape) =>
      fc.tuple(
        fc.constant(shape),
        fc.nat({ max: shape.length }).map((dropped) => shape.slice(dropped)),
        fc.boolean().map((isOne) => shape.map((size) => (isOne ? 1 : size))),
      ),
    )
    .chain(([shape, shorter, ones]) =>
      fc.constantFrom<[Shape, Shape]>([shape, shorter], [shorter, ones], [ones, shape]),
    );

  test.prop([ellipses], { numRuns: 60 })('broadcasts the axes of an ellipsis', ([left, right]) => {
    const [a, b] = [irregular([...left, 2, 3]), irregular([...right, 3, 2])];
    const expected = matmul(a, b);
    expectClose(einsum('...ij,...jk->...ik', a, b), expected);
    expectClose(einsum('...ij,...jk', a, b), expected);
    const last = einsum('...ij,...jk->ik...', a, b);
    expect(last.shape).toEqual([2, 2, ...broadcastShapes('test', left, right)]);
    const total = einsum('...ij,...jk->ik', a, b); // the axes of the ellipsis are summed, as in PyTorch
    expectClose(total, einsum('ik...->ik', last));
  });

  test('makes a matrix of its diagonal and its trace', () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect([...einsum('ii->i', x).values]).toEqual([1, 4]);
    expect(einsum('ii', x).values[0]).toBe(5);
    expect([...einsum('ba', x).values]).toEqual([1, 3, 2, 4]);
    expect([...einsum('bA', x).values]).toEqual([1, 3, 2, 4]); // capitals come first
  });

  test('takes scalars and tensors without elements', () => {
    expect(einsum('->', ones([])).values[0]).toBe(1);
    expect(einsum('', ones([])).values[0]).toBe(1);
    expect([...einsum(',i', scalar(2), tensor([1, 2])).values]).toEqual([2, 4]);
    expect([...einsum('ij,jk->ik', zeros([2, 0]), zeros([0, 2])).values]).toEqual([0, 0, 0, 0]);
    expect(einsum('ij,jk->ik', zeros([0, 2]), zeros([2, 3])).shape).toEqual([0, 3]);
  });

  test('returns a tensor of its own, and frees all others', () => {
    const x = ones([2, 2]);
    const before = memory().tensors;
    for (const equation of ['ij->ij', 'ij,jk->ik', 'ij,ij->i', 'ij,kl->ijkl']) {
      const y = einsum(equation, x, ...(equation.includes(',') ? [x] : []));
      expect(y).not.toBe(x);
      expect(memory().tensors - before).toBe(1);
      y.dispose();
    }
    expect(x.disposed).toBe(false);
  });

  test('can be part of a program', () => {
    const [a, b] = [irregular([2, 3]), irregular([3, 2])];
    const program = compile((x) => einsum('ij,jk->ki', x as Tensor, b), [{ dtype: 'f32', shape: [2, 3] }]);
    expect((program.run([a])[0] as Tensor).values).toEqual(einsum('ij,jk->ki', a, b).values);
    program.dispose();
  });

  test.each<[equation: string, shapes: Shape[], message: string | RegExp]>([
    ['ij,jk', [[2, 3]], 'einsum: the equation "ij,jk" has 2 terms, for 1 tensor'],
    ['i', [[3], [3]], 'einsum: the equation "i" has 1 term, for 2 tensors'],
    ['i', [], 'einsum: the equation "i" has 1 term, for 0 tensors'],
    ['i1->i', [[2, 2]], 'has the term "i1". A term consists of letters, and at most one "..."'],
    ['i..j', [[2, 2]], 'has the term "i..j"'],
    ['...i...', [[2, 2]], 'has the term "...i..."'],
    ['ij->i-j', [[2, 2]], 'has the term "i-j"'],
    ['i->i->i', [[2]], 'einsum: the equation "i->i->i" has more than one "->"'],
    ['ij->ii', [[2, 2]], 'einsum: the equation "ij->ii" repeats "i" in its result'],
    ['ij->ik', [[2, 2]], 'einsum: the equation "ij->ik" has "k" in its result, but in no term before it'],
  ])('explains what is wrong with %s', (equation, shapes, message) => {
    const call = () => einsum(equation, ...shapes.map((shape) => zeros(shape)));
    expect(call).toThrow(RangeError);
    expect(call).toThrow(message);
  });

  test.each<[equation: string, shapes: Shape[], message: string]>([
    ['ij', [[3]], 'einsum: in "ij", tensor 0 has 2 axes, not 1\n  tensor 0  [3]\nHint: An ellipsis'],
    ['i,i', [[3], [3, 3]], 'einsum: in "i,i", tensor 1 has 1 axis, not 2'],
    ['ij...', [[3]], 'einsum: in "ij...", tensor 0 has at least 2 axes, not 1\n  tensor 0  [3]'],
    [
      'ij,jk',
      [
        [2, 3],
        [4, 5],
      ],
      'einsum: in "ij,jk", "j" has sizes 3 and 4',
    ],
    ['ii', [[2, 3]], 'einsum: in "ii", "i" has sizes 2 and 3'],
    ['ii', [[1, 3]], 'einsum: in "ii", "i" has sizes 1 and 3'],
    [
      '...i,...i',
      [
        [2, 3],
        [4, 3],
      ],
      'einsum: in "...i,...i", an axis of "..." has sizes 2 and 4',
    ],
  ])('explains shapes that do not fit %s', (equation, shapes, message) => {
    const call = () => einsum(equation, ...shapes.map((shape) => zeros(shape)));
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(message);
  });

  test('explains arguments of wrong types', () => {
    expect(() => einsum(ones([2]) as never, 'i' as never)).toThrow('einsum: tensor 0 must be a tensor, not "i"');
    expect(() => einsum(3 as never, ones([2]))).toThrow(
      "einsum: the equation must be a string such as 'ij,jk->ik', not 3",
    );
    const integers = tensor([1], { dtype: 'i32' }) as never;
    expect(() => einsum('i', integers)).toThrow(DTypeError);
    expect(() => einsum('i', integers)).toThrow("einsum: tensor 0 must be f32, not i32. Use cast(x, 'f32').");
  });
});

/** Multiples of 1/4 without a pattern that a wrong order of axes would keep. */
function irregular(shape: Shape): Tensor {
  return tensor(
    Float32Array.from({ length: sizeOf(shape) }, (_, at) => ((at * 7) % 11) / 4 - 1),
    { shape },
  );
}
