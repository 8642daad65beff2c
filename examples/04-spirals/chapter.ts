/**
 * Trains a network with two hidden layers to tell two spirals apart.
 *
 *     npm run chapter 4
 *
 * No straight line separates the spirals, so a network without hidden layers fails. With hidden layers, the same loop
 * as in chapter 3 bends the boundary between the classes around both of them.
 */
import { Adam, crossEntropy, Linear, type Module, valueAndGradient } from '@mobinet/autograd';
import { argMax, dispose, Rng, softmax, type Tensor, tensor, tidy } from '@mobinet/tensor';
import { heatMap, sparkline } from '../lib/chart.js';
import { makeNetwork, makeSpirals } from './network.js';

const rng = Rng.fromSeed(4);
const training = makeSpirals(rng.split('training'), 100);
/** Other points of the same spirals, which tell whether the network has learned their shape or only the points. */
const validation = makeSpirals(rng.split('validation'), 100);

/** Trains on all points in each step. Returns the loss before each step. */
function train(network: Module, steps: number): number[] {
  const optimizer = new Adam({ learningRate: 0.01 });
  const step = valueAndGradient((network: Module) => crossEntropy(network.forward(training.x), training.labels));
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const { value, gradients } = step(network);
    losses.push(value.values[0]);
    optimizer.update(network, gradients);
    dispose([value, gradients]);
  }
  optimizer.dispose();
  return losses;
}

/** The percentage of points whose class has the higher logit. */
function accuracy(network: Module, { x, labels }: { x: Tensor; labels: Tensor<'i32'> }): number {
  const predicted = tidy(() => argMax(network.forward(x), 1).values.slice());
  return (100 * predicted.filter((label, i) => label === labels.values[i]).length) / predicted.length;
}

const line = new Linear(2, 2, { rng: rng.split('line') });
const mlp = makeNetwork(rng.split('mlp'), 32);

console.log('network           parameters   first loss   last loss   correct   of new points');
for (const [name, network] of [
  ['no hidden layer', line],
  ['two hidden layers', mlp],
] as const) {
  const losses = train(network, 400);
  const parameters = [...network.parameters().values()].reduce((sum, { size }) => sum + size, 0);
  const cells = [losses[0], losses[losses.length - 1]].map((loss) => loss.toFixed(4));
  const shares = [training, validation].map((points) => `${accuracy(network, points).toFixed(1)} %`);
  console.log(
    `${name.padEnd(18)}${String(parameters).padStart(10)}   ${cells[0].padStart(10)}   ${cells[1].padStart(9)}   ${shares[0].padStart(7)}   ${shares[1].padStart(13)}`,
  );
  console.log(`${sparkline(losses.filter((_, i) => i % 8 === 0))}\n`);
}
if (accuracy(line, training) > 75) throw new Error('a line should not separate the spirals');
if (accuracy(mlp, validation) < 95) throw new Error('the network has not learned the spirals');

// The probability of class 1 on a grid of points, and the points of the training set.
const size = 30;
/** From the middle of a row or column of the grid to a coordinate, and back. */
const coordinate = (index: number): number => ((index + 0.5) / size) * 2.4 - 1.2;
const index = (coordinate: number): number => Math.floor(((coordinate + 1.2) / 2.4) * size);

const grid = Array.from({ length: size }, (_, row) =>
  Array.from({ length: size }, (_, column) => [coordinate(column), -coordinate(row)]),
);
const probabilities = tidy(() => softmax(mlp.forward(tensor(grid.flat()))).values.slice());
const points = new Map<string, string>();
training.labels.values.forEach((label, i) => {
  const [x, y] = training.x.values.subarray(2 * i, 2 * i + 2);
  points.set(`${index(-y)},${index(x)}`, label === 1 ? '+' : 'o');
});

console.log('what the network says of each place: blank for the class o, █ for the class +');
console.log(
  heatMap(
    grid.map((row, r) => row.map((_, c) => probabilities[2 * (r * size + c) + 1])),
    { range: [0, 1], mark: (row, column) => points.get(`${row},${column}`) },
  ),
);
dispose([line, mlp, training, validation]);
