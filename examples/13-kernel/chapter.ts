/**
 * An operation of one's own, with WebAssembly kernels from the assembler.
 *
 *     npm run chapter 13
 *
 * Defines `rowDots`, which the library does not have: its shape rule, its definition and its gradient. Then computes it
 * with two kernels, one number and four numbers at a time, prints their inner loops as WebAssembly text, counts the
 * instructions for each element, and holds both kernels and the gradient to the definition.
 */
import {
  apply,
  checkGradient,
  defineOp,
  mul,
  Rng,
  ShapeError,
  sameShape,
  type Tensor,
  tidy,
  unsqueeze,
  zeros,
} from '@mobinet/tensor';
import { chunksOf, Kernel } from '@mobinet/tensor/kernels';
import { f32, f32x4, fillRest, forEachFour, forRange, i32, store, sumOfFour } from '@mobinet/tensor/wasm';
import { disassemble, type Instruction } from '../lib/disassemble.js';

// 1. The kernels. The items of their range are rows. `a`, `b` and `y` are addresses in bytes; a float takes four.
const parameters = { a: i32, b: i32, y: i32, columns: i32 };

const oneAtATime = new Kernel('f32_row_dots_1', parameters, ({ a, b, y, columns }, from, to) => {
  const end = i32.variable(columns.mul(4), 'end');
  forRange(from, to, 1, (row) => {
    const rowA = i32.variable(a.add(row.mul(end)), 'rowA');
    const rowB = i32.variable(b.add(row.mul(end)), 'rowB');
    const total = f32.variable(0, 'total');
    forRange(0, end, 4, (offset) => {
      total.set(total.add(f32.load(rowA.add(offset)).mul(f32.load(rowB.add(offset)))));
    });
    store(y.add(row.mul(4)), total);
  });
});

const fourAtATime = new Kernel('f32_row_dots_4', parameters, ({ a, b, y, columns }, from, to) => {
  const end = i32.variable(columns.mul(4), 'end');
  forRange(from, to, 1, (row) => {
    const rowA = i32.variable(a.add(row.mul(end)), 'rowA');
    const rowB = i32.variable(b.add(row.mul(end)), 'rowB');
    const totals = f32x4.variable(0, 'totals');
    forEachFour(columns, (offset, rest) => {
      const products = f32x4.load(rowA.add(offset)).mul(f32x4.load(rowB.add(offset)));
      totals.set(totals.add(fillRest(products, rest)));
    });
    store(y.add(row.mul(4)), sumOfFour(totals));
  });
});

// 2. The operation. `reference` is its definition; `fast` must compute the same.
const rowDotsOp = defineOp<[Tensor, Tensor], [Tensor], undefined, readonly [Tensor, Tensor]>({
  name: 'rowDots',
  outputs([a, b]) {
    if (a.rank === 2 && sameShape(a.shape, b.shape)) return [{ dtype: 'f32', shape: [a.shape[0]] }];
    const operands = [a, b].map(({ shape }, index) => ({ name: 'ab'[index], shape, note: 'rows, columns' }));
    throw new ShapeError('rowDots', 'a and b must be matrices of the same shape', operands);
  },
  reference([{ values: a, shape }, { values: b }], [{ values: y }]) {
    const [rows, columns] = shape;
    for (let i = 0; i < rows; i++) {
      let total = 0;
      for (let j = 0; j < columns; j++) total += a[i * columns + j] * b[i * columns + j];
      y[i] = total;
    }
  },
  fast([a, b], [y]) {
    const [rows, columns] = a.shape;
    fourAtATime.run({ a, b, y, columns }, rows, { grain: chunksOf(rows, columns / 4) });
  },
  saves: (inputs) => inputs,
  gradient(dy, { saved: [a, b] }) {
    return [() => mul(unsqueeze(dy, 1), b), () => mul(unsqueeze(dy, 1), a)];
  },
});

/** The dot product of each row of a with the same row of b: y[i] = Σⱼ a[i, j] · b[i, j]. */
const rowDots = (a: Tensor, b: Tensor): Tensor => apply(rowDotsOp, [a, b], undefined)[0];

// 3. What the assembler made of the inner loops.
const loops = [oneAtATime, fourAtATime].map((kernel) => innerLoop(disassemble(kernel.assemble())));
console.log('one number at a time          four numbers at a time');
for (const [at, { text }] of loops[0].entries()) console.log(`${text.padEnd(30)}${loops[1][at].text}`);
const perPass = loops.map((loop) => loop.length - 2); // without `loop` and `end`
console.log(`\ninstructions per element: ${perPass[0]} and ${perPass[1] / 4}`);

/** The instructions of the loop inside all others, from `loop` to `end`. */
function innerLoop(instructions: readonly Instruction[]): Instruction[] {
  const depth = Math.max(...instructions.map(({ text, depth }) => (text === 'loop' ? depth : 0)));
  const start = instructions.findIndex(({ text, depth: own }) => text === 'loop' && own === depth);
  const end = instructions.findIndex(({ text, depth: own }, at) => at > start && text === 'end' && own === depth);
  return instructions.slice(start, end + 1);
}

// 4. Both kernels against the definition, for rows that are and are not a multiple of four.
console.log('\ncolumns   definition   one at a time  four at a time');
const rng = Rng.fromSeed(13);
for (const columns of [1, 2, 3, 4, 5, 6, 7, 8, 1000]) {
  tidy(() => {
    const [a, b] = [rng.spawn('a').normal([3, columns]), rng.spawn('b').normal([3, columns])];
    const [definition, one, four] = [zeros([3]), zeros([3]), zeros([3])];
    rowDotsOp.reference([a, b], [definition], undefined);
    oneAtATime.run({ a, b, y: one, columns }, 3);
    fourAtATime.run({ a, b, y: four, columns }, 3);
    const last = [definition, one, four].map(({ values }) => values[2].toPrecision(8).padStart(13));
    console.log(`${String(columns).padStart(7)}${last.join('')}`);
    for (const y of [one, four]) {
      const error = Math.max(...y.values.map((value, i) => Math.abs(value - definition.values[i])));
      if (!(error < 1e-5 * columns)) throw new Error(`${columns} columns: a kernel is off by ${error}`);
    }
  });
}

// 5. The gradient against finite differences. This call of the op goes through `apply`, as any other.
checkGradient(rowDots, [rng.normal([4, 6]), rng.normal([4, 6])]);
console.log('\nThe gradient is the derivative.');
