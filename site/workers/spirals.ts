/// <reference lib="webworker" />
// A worker that trains a network of two hidden layers to tell two spirals apart, and posts its state every few steps.
import { Adam, crossEntropy, Linear, Module, noGradient, valueAndGradient } from '@mobinet/autograd';
import { dispose, Rng, softmax, type Tensor, tanh, tensor, tidy } from '@mobinet/tensor';
import type { SpiralPoint, SpiralsState } from '../live/protocol.js';

const pointsPerSpiral = 100;
const grid = 40;
const stepsPerState = 10;

class Network extends Module {
  readonly hidden1: Linear;
  readonly hidden2: Linear;
  readonly classifier: Linear;

  constructor(units: number, rng: Rng) {
    super();
    this.hidden1 = new Linear(2, units, { rng });
    this.hidden2 = new Linear(units, units, { rng });
    this.classifier = new Linear(units, 2, { rng });
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => this.classifier.forward(tanh(this.hidden2.forward(tanh(this.hidden1.forward(x))))));
  }
}

/** Point i of a spiral, which makes one and a half turns around the center; the other one is its mirror image. */
function spiralPoints(rng: Rng): SpiralPoint[] {
  const noise = rng.normal([2, pointsPerSpiral, 2], 0, 0.015);
  const values = noise.values.slice();
  noise.dispose();
  return [0, 1].flatMap((label) =>
    Array.from({ length: pointsPerSpiral }, (_, i) => {
      const [radius, angle] = [
        0.08 + (0.85 * i) / pointsPerSpiral,
        (3 * Math.PI * i) / pointsPerSpiral + label * Math.PI,
      ];
      const at = 2 * (label * pointsPerSpiral + i);
      return { x: radius * Math.cos(angle) + values[at], y: radius * Math.sin(angle) + values[at + 1], label };
    }),
  );
}

const points = spiralPoints(Rng.fromSeed(1));
const x = tensor(points.map(({ x, y }) => [x, y]));
const labels = tensor(Int32Array.from(points, ({ label }) => label));
/** The centers of the grid's cells over [−1, 1]², row by row from the top. */
const cells = tensor(
  Array.from({ length: grid * grid }, (_, at) =>
    [(at % grid) + 0.5, grid - Math.floor(at / grid) - 0.5].map((c) => (2 * c) / grid - 1),
  ),
);

const probabilities = (network: Network, x: Tensor): Float32Array =>
  tidy(() => noGradient(() => softmax(network.forward(x), 1).values.filter((_, index) => index % 2 === 1)));

function stateOf(network: Network, step: number, loss: number): SpiralsState {
  const correct = probabilities(network, x).filter((p, i) => Number(p > 0.5) === points[i].label).length;
  const regions = Uint8Array.from(probabilities(network, cells), (p) => Math.round(255 * p));
  return { step, loss, accuracy: correct / points.length, regions, grid, points };
}

const lossAndGradient = valueAndGradient((network: Network) => crossEntropy(network.forward(x), labels));

addEventListener('message', async ({ data: { units, learningRate, steps } }) => {
  const network = new Network(units, Rng.fromSeed(2));
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
