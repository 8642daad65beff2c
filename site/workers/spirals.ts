/// <reference lib="webworker" />
// A worker that trains the network of chapter 4 to tell two spirals apart, and posts its state every few steps.
import { Adam, crossEntropy, noGradient, type Sequential, valueAndGradient } from '@mobinet/autograd';
import { dispose, Rng, softmax, type Tensor, tensor, tidy } from '@mobinet/tensor';
import { makeNetwork, makeSpirals } from '../../examples/04-spirals/network.js';
import { reach, type SpiralsState } from '../live/protocol.js';

const grid = 40;
const stepsPerState = 10;

const { x, labels } = makeSpirals(Rng.fromSeed(1), 100);
const points = Array.from(labels.values, (label, i) => ({ x: x.values[2 * i], y: x.values[2 * i + 1], label }));
/** The centers of the grid's cells, row by row from the top. */
const cells = tensor(
  Array.from({ length: grid * grid }, (_, at) =>
    [(at % grid) + 0.5, grid - Math.floor(at / grid) - 0.5].map((c) => reach * ((2 * c) / grid - 1)),
  ),
);

const probabilities = (network: Sequential, x: Tensor): Float32Array =>
  tidy(() => noGradient(() => softmax(network.forward(x), 1).values.filter((_, index) => index % 2 === 1)));

function stateOf(network: Sequential, step: number, loss: number): SpiralsState {
  const correct = probabilities(network, x).filter((p, i) => Number(p > 0.5) === points[i].label).length;
  const regions = Uint8Array.from(probabilities(network, cells), (p) => Math.round(255 * p));
  return { step, loss, accuracy: correct / points.length, regions, grid, points };
}

const lossAndGradient = valueAndGradient((network: Sequential) => crossEntropy(network.forward(x), labels));

addEventListener('message', async ({ data: { units, learningRate, steps } }) => {
  const network = makeNetwork(Rng.fromSeed(2), units);
  const optimizer = new Adam({ learningRate });
  for (let step = 0; step <= steps; step++) {
    const { value, gradients } = lossAndGradient(network);
    if (step % stepsPerState === 0) {
      postMessage(stateOf(network, step, value.values[0]));
      // Lets the page show this state, and stop the worker.
      await new Promise((resolve) => setTimeout(resolve));
    }
    optimizer.update(network, gradients);
    dispose([value, gradients]);
  }
});
