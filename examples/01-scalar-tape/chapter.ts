/**
 * Reverse-mode differentiation of numbers, with the 40 lines of `value.ts`.
 *
 *     npm run chapter 1
 *
 * Computes an expression and its derivatives, checks them with finite differences, which need no rules of
 * differentiation, and trains one neuron with them.
 */
import { sparkline } from '../lib/chart.js';
import { topologicalOrder, Value } from './value.js';

// Part 1: y = a·b + tanh(a), in three steps. Each step makes a value that knows its inputs and its slopes.
const a = new Value(0.5);
const b = new Value(-2);
const u = a.mul(b);
const v = a.tanh();
const y = u.add(v);
y.backward();

const names = new Map([
  [a, 'a'],
  [b, 'b'],
  [u, 'u = a·b'],
  [v, 'v = tanh(a)'],
  [y, 'y = u + v'],
]);
console.log(row('', 'value', 'dy/d…'));
for (const value of topologicalOrder(y)) console.log(row(names.get(value)!, fixed(value.data), fixed(value.gradient)));

/** The central difference (f(x + h) − f(x − h)) / 2h, which approaches the derivative as h becomes small. */
function difference(f: (x: number) => number, x: number, h = 1e-5): number {
  return (f(x + h) - f(x - h)) / (2 * h);
}

const f = (a: number, b: number): number => a * b + Math.tanh(a);
const expected = [difference((a) => f(a, -2), 0.5), difference((b) => f(0.5, b), -2)];
console.log(`\nby finite differences, dy/da = ${fixed(expected[0])} and dy/db = ${fixed(expected[1])}`);
[a, b].forEach(({ gradient }, i) => {
  if (Math.abs(gradient - expected[i]) > 1e-8) throw new Error(`the derivative is ${gradient}, not ${expected[i]}`);
});

// Part 2: a neuron learns “and”. With −1 for false and +1 for true, only the last of these four outputs is +1.
const examples = [
  [-1, -1, -1],
  [-1, 1, -1],
  [1, -1, -1],
  [1, 1, 1],
];

const weights = [new Value(0.1), new Value(-0.2)];
const bias = new Value(0);
const neuron = (x: readonly number[]): Value =>
  weights.reduce((sum, weight, i) => sum.add(weight.mul(new Value(x[i]))), bias).tanh();

/** The sum of the squared errors. (A number is subtracted by adding its negative.) */
function loss(): Value {
  return examples
    .map(([x1, x2, target]) => neuron([x1, x2]).add(new Value(-target)))
    .map((error) => error.mul(error))
    .reduce((sum, square) => sum.add(square));
}

const learningRate = 0.1;
const losses: number[] = [];
for (let step = 0; step < 60; step++) {
  const total = loss();
  total.backward();
  // Each parameter takes a small step downhill.
  for (const parameter of [...weights, bias]) parameter.data -= learningRate * parameter.gradient;
  losses.push(total.data);
}

console.log(
  `\nthe loss of a neuron in ${losses.length} steps: ${fixed(losses[0])} to ${fixed(losses[losses.length - 1])}`,
);
console.log(sparkline(losses));
console.log(`\n${row('x', 'target', 'output')}`);
for (const [x1, x2, target] of examples) {
  const output = neuron([x1, x2]).data;
  console.log(row(`${signed(x1)} ${signed(x2)}`, signed(target), fixed(output)));
  if (Math.sign(output) !== target) throw new Error(`the neuron has not learned “and” of ${x1} and ${x2}`);
}
const [w1, w2, b0] = [...weights, bias].map(({ data }) => fixed(data));
console.log(`\nThe weights are now ${w1} and ${w2}, and the bias is ${b0}.`);

function row(name: string, ...cells: readonly string[]): string {
  return name.padEnd(12) + cells.map((cell) => cell.padStart(9)).join('');
}

function fixed(value: number): string {
  return value.toFixed(4).replace('-', '−');
}

function signed(value: number): string {
  return value < 0 ? '−1' : '+1';
}
