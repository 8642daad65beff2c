/**
 * Reverse-mode differentiation of tensors, with the tape of this repository.
 *
 *     npm run chapter 2
 *
 * Repeats the derivatives of chapter 1 with tensors, and shows what the tape records. Then it shows what a tape of
 * tensors adds: derivatives of derivatives, and memory that is freed as soon as nobody needs it.
 */
import { gradient, valueAndGradient } from '@mobinet/autograd';
import {
  add,
  dispose,
  log,
  matmul,
  memory,
  mul,
  scalar,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  tensor,
  tidy,
  withRecorder,
} from '@mobinet/tensor';
import { Value } from '../01-scalar-tape/value.js';

// Part 1: y = a·b + tanh(a), as in chapter 1. A single number is a tensor of shape [].
interface Operands {
  a: Tensor;
  b: Tensor;
}
const f = ({ a, b }: Operands): Tensor => add(mul(a, b), tanh(a));
const operands: Operands = { a: scalar(0.5), b: scalar(-2) };

console.log('what a recorder is told while f runs:');
withRecorder(
  {
    record: ({ name, inputs, output }) =>
      console.log(`  ${name}(${inputs.map(({ id }) => `#${id}`).join(', ')}) → #${output.id}`),
  },
  () =>
    tidy(() => {
      f(operands);
    }),
);

// `valueAndGradient` returns a function that runs f, records its calls, and walks them back from the last to the first.
const { value, gradients } = valueAndGradient(f)(operands);

const [a, b] = [new Value(0.5), new Value(-2)];
const y = a.mul(b).add(a.tanh());
y.backward();

console.log(`\n${row('', ['y', 'dy/da', 'dy/db'])}`);
compare([value, gradients.a, gradients.b], [y, { data: a.gradient }, { data: b.gradient }]);

// Part 2: the neuron of chapter 1. Its four examples are the rows of one tensor, so a step is a handful of calls.
interface Neuron {
  weights: Tensor;
  bias: Tensor;
}
const examples = [
  [-1, -1, -1],
  [-1, 1, -1],
  [1, -1, -1],
  [1, 1, 1],
];
const x = tensor(examples.map(([x1, x2]) => [x1, x2]));
const targets = tensor(examples.map(([, , target]) => [target]));
const neuron: Neuron = { weights: tensor([[0.1], [-0.2]]), bias: scalar(0) };

const step = valueAndGradient(({ weights, bias }: Neuron) =>
  sum(square(sub(tanh(add(matmul(x, weights), bias)), targets))),
);

// Tensors live until they are freed. A step leaves only the loss and the gradients of all that it computes.
const before = memory().tensors;
const result = step(neuron);
const after = memory().tensors;

const [w1, w2, bias] = [0.1, -0.2, 0].map((number) => new Value(number));
const loss = examples
  .map(([x1, x2, target]) =>
    w1
      .mul(new Value(x1))
      .add(w2.mul(new Value(x2)))
      .add(bias)
      .tanh()
      .add(new Value(-target)),
  )
  .map((error) => error.mul(error))
  .reduce((sum, square) => sum.add(square));
loss.backward();

console.log(`\n${row('', ['loss', 'dloss/dw1', 'dloss/dw2', 'dloss/dbias'])}`);
compare(
  [result.value, result.gradients.weights, result.gradients.bias],
  [loss, ...[w1, w2, bias].map(({ gradient }) => ({ data: gradient }))],
);
console.log(`the gradient of the weights has their shape, [${result.gradients.weights.shape}]`);

// Part 3: a gradient is made of the same operations, so it can be differentiated again.
const g = (x: Tensor): Tensor => log(add(square(x), 1));
const first = gradient(g);
const second = gradient(first);
console.log(`\n${row('x', ['ln(1 + x²)', 'first', 'second', 'by hand'])}`);
for (const at of [-2, -1, 0, 1, 2]) {
  const byTape = tidy(() => [g, first, second].map((f) => f(scalar(at)).values[0]));
  const byHand = (2 * (1 - at * at)) / (1 + at * at) ** 2;
  console.log(row(String(at).replace('-', '−'), [...byTape, byHand].map(fixed)));
  if (Math.abs(byTape[2] - byHand) > 1e-5) throw new Error(`the second derivative at ${at} is ${byTape[2]}`);
}

// Part 4: memory.
dispose([value, gradients, result.value, result.gradients]);
dispose([operands, x, targets, neuron]);
console.log(`\ntensors before a step: ${before}, after it: ${after}, at the end: ${memory().tensors}`);
if (after !== before + 3 || memory().tensors !== 0) throw new Error('a tensor was not freed');

/** Prints the numbers in tensors below those of the scalar tape, which must be the same up to the rounding of f32. */
function compare(tensors: readonly Tensor[], values: readonly { readonly data: number }[]): void {
  const numbers = tensors.flatMap(({ values }) => [...values]);
  console.log(
    row(
      'chapter 1',
      values.map(({ data }) => fixed(data)),
    ),
  );
  console.log(row('tensors', numbers.map(fixed)));
  numbers.forEach((number, i) => {
    if (Math.abs(number - values[i].data) > 1e-5) throw new Error(`${number} should be ${values[i].data}`);
  });
}

function row(name: string, cells: readonly string[]): string {
  return name.padEnd(10) + cells.map((cell) => cell.padStart(12)).join('');
}

function fixed(value: number): string {
  return value
    .toFixed(4)
    .replace(/^-(0\.0*)$/, '$1')
    .replace('-', '−');
}
