import { fc, test } from '@fast-check/vitest';
import { gradient } from '@mobinet/autograd';
import {
  apply,
  checkGradient,
  defineOp,
  packBits,
  Rng,
  sum,
  type Tensor,
  tidy,
  unpackBits,
  zeros,
} from '@mobinet/tensor';
import { Kernel, type KernelBody } from '@mobinet/tensor/kernels';
import { i32 } from '@mobinet/tensor/wasm';
import { describe, expect } from 'vitest';
import { disassemble } from '../lib/disassemble.js';
import { exercise } from '../lib/exercise.js';

const { sumOfAbsolutes, maximum, signDots, rowNormsGradient } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

const rng = Rng.fromSeed(13);
const rows = fc.integer({ min: 1, max: 4 });
const columns = fc.integer({ min: 1, max: 13 });

const parameters = { x: i32, y: i32, columns: i32 };

/** Runs a kernel on random rows. `mark` follows the results, and must still be there afterwards. */
function runOnRows(body: KernelBody<typeof parameters>, rows: number, columns: number, [low, high]: [number, number]) {
  const mark = 1234.5;
  return tidy(() => {
    const x = rng.spawn('x').uniform([rows, columns], low, high);
    const y = zeros([rows + 1]);
    y.values[rows] = mark;
    new Kernel('exercise', parameters, body).run({ x, y, columns }, rows);
    expect(y.values[rows], 'what follows the results was overwritten').toBe(mark);
    const rowsOfX = Array.from({ length: rows }, (_, i) => [...x.values.slice(i * columns, (i + 1) * columns)]);
    return { found: [...y.values.slice(0, rows)], rowsOfX };
  });
}

describe('1. the sum of absolute values', () => {
  test.prop([rows, columns], { numRuns: 30 })('of each row', (rows, columns) => {
    const { found, rowsOfX } = runOnRows(sumOfAbsolutes, rows, columns, [-1, 1]);
    const expected = rowsOfX.map((row) => row.reduce((sum, number) => sum + Math.abs(number), 0));
    for (const [i, sum] of found.entries()) expect(sum, `row ${i} of ${columns} columns`).toBeCloseTo(expected[i], 4);
  });
});

describe('2. the maximum', () => {
  test.prop([rows, columns, fc.constantFrom<[number, number][]>([-1, 1], [-9, -8], [3, 4])], { numRuns: 60 })(
    'of each row, also where all numbers are negative',
    (rows, columns, range) => {
      const { found, rowsOfX } = runOnRows(maximum, rows, columns, range);
      expect(found, `${columns} columns between ${range}`).toEqual(rowsOfX.map((row) => Math.max(...row)));
    },
  );

  test('four at a time', () => {
    const instructions = disassemble(new Kernel('exercise', parameters, maximum).assemble()).map(({ text }) => text);
    expect(instructions.join('\n'), 'the kernel loads no vectors of four numbers').toContain('v128.load');
  });
});

describe('3. the dot products of signs', () => {
  test.prop([rows, fc.integer({ min: 1, max: 100 })], { numRuns: 30 })('by xor and popcount', (rows, signs) => {
    tidy(() => {
      const [a, b] = ['a', 'b'].map((name) => packBits(rng.spawn(name).normal([rows, signs])));
      const y = zeros([rows], 'i32');
      const types = { a: i32, b: i32, y: i32, words: i32, signs: i32 };
      new Kernel('exercise', types, signDots).run({ a, b, y, words: Math.ceil(signs / 32), signs }, rows);
      const [x1, x2] = [a, b].map((bits) => unpackBits(bits).values);
      const expected = Array.from({ length: rows }, (_, i) =>
        x1.slice(i * signs, (i + 1) * signs).reduce((sum, sign, j) => sum + sign * x2[i * signs + j], 0),
      );
      expect([...y.values], `${rows} rows of ${signs} signs`).toEqual(expected);
    });
  });
});

describe('4. the gradient of the norms of rows', () => {
  const rowNormsOp = defineOp<[Tensor], [Tensor], undefined, readonly [Tensor, Tensor]>({
    name: 'rowNorms',
    outputs: ([{ shape }]) => [{ dtype: 'f32', shape: [shape[0]] }],
    reference([{ values: x, shape }], [{ values: y }]) {
      const columns = shape[1];
      for (let i = 0; i < y.length; i++) y[i] = Math.hypot(...x.slice(i * columns, (i + 1) * columns));
    },
    saves: ([x], [y]) => [x, y],
    gradient: (dy, { saved: [x, y] }) => [() => rowNormsGradient(dy, x, y)],
  });
  const rowNorms = (x: Tensor): Tensor => apply(rowNormsOp, [x], undefined)[0];
  const x = rng.split('norms').normal([3, 5]);

  test('is the derivative', () => {
    checkGradient(rowNorms, [x]);
  });

  test('can be differentiated again', () => {
    checkGradient(
      gradient((x: Tensor) => sum(rowNorms(x))),
      [x],
    );
  });
});
