/**
 * Why sign needs a straight-through estimator, and how three of them work.
 *
 *     node examples/04-straight-through.js
 *
 * The derivative of sign is 0 wherever it exists. So by the chain rule, no layer before a sign can learn: its gradient
 * is multiplied by 0. A straight-through estimator leaves the forward pass unchanged and substitutes another slope in
 * the backward pass.
 */
import { Adam, crossEntropy, gradient, Linear, Module, PReLU, valueAndGradient } from '@mobinet/autograd';
import { BinaryLinear, type Estimator, signWithEstimator } from '@mobinet/bnn';
import { argMax, dispose, Rng, sign, sum, type Tensor, tensor, tidy } from '@mobinet/tensor';

const estimators: readonly Estimator[] = ['identity', 'clip', 'approx'];

// Part 1: the slopes, as the gradient of Σ sign(x) with respect to x.
const points = [-1.5, -1, -0.75, -0.25, 0, 0.25, 0.75, 1, 1.5];
const slopes = (f: (x: Tensor) => Tensor): number[] =>
  tidy(() => [...gradient((x: Tensor) => sum(f(x)))(tensor(points)).values]);
const row = (name: string, numbers: readonly number[]): string =>
  name.padEnd(10) + numbers.map((value) => value.toFixed(2).padStart(7)).join('');

console.log(row('x', points));
console.log(row('sign(x)', [...sign(tensor(points)).values]));
console.log('\nslopes');
console.log(row('true', slopes(sign)));
for (const estimator of estimators)
  console.log(
    row(
      estimator,
      slopes((x) => signWithEstimator(x, estimator)),
    ),
  );

// Part 2: training. Is a point inside a circle or outside? A float layer draws 24 lines through the plane; the binary
// layer after it sees only on which side of each line a point lies. The lines can only learn through its estimator.
const rng = Rng.fromSeed(5);
const x = rng.split('points').uniform([400, 2], -1, 1);
const labels = tensor(
  Int32Array.from({ length: 400 }, (_, i) => Number(Math.hypot(x.values[2 * i], x.values[2 * i + 1]) < 0.8)),
);

class Network extends Module {
  readonly lines: Linear;
  readonly binary: BinaryLinear;
  readonly activation = new PReLU(24);
  readonly classifier: Linear;

  constructor(estimator: Estimator, rng: Rng) {
    super();
    this.lines = new Linear(2, 24, { rng: rng.split('lines') });
    this.binary = new BinaryLinear(24, 24, { estimator, rng: rng.split('binary') });
    this.classifier = new Linear(24, 2, { rng: rng.split('classifier') });
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => this.classifier.forward(this.activation.forward(this.binary.forward(this.lines.forward(x)))));
  }
}

const step = valueAndGradient((network: Network) => crossEntropy(network.forward(x), labels));

console.log(`\n${'estimator'.padEnd(10)}   loss before     after   correct of 400`);
for (const estimator of estimators) {
  // All three networks start with the same weights.
  const network = new Network(estimator, rng.split('weights'));
  const optimizer = new Adam({ learningRate: 0.02 });
  const losses: number[] = [];
  for (let i = 0; i < 150; i++) {
    const { value, gradients } = step(network);
    losses.push(await value.item());
    optimizer.update(network, gradients);
    dispose([value, gradients]);
  }
  const guesses = tidy(() => argMax(network.forward(x), 1).values.slice());
  const correct = guesses.filter((guess, i) => guess === labels.values[i]).length;
  const [before, after] = [losses[0], losses[losses.length - 1]];
  console.log(
    `${estimator.padEnd(10)} ${before.toFixed(4).padStart(13)} ${after.toFixed(4).padStart(9)} ${String(correct).padStart(16)}`,
  );
  if (!(after < before)) throw new Error(`${estimator}: the loss did not decrease`);
}
