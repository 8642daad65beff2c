import { Adam, crossEntropy, Linear, Module, valueAndGradient } from '@mobinet/autograd';
import { dispose, Rng, type Tensor, tensor, tidy } from '@mobinet/tensor';

const rng = Rng.fromSeed(2);

/** Points in the square [−1, 1]², [400, 2], and their labels: whether they are inside a circle. */
export const points = rng.split('points').uniform([400, 2], -1, 1);
export const labels = tensor(
  Int32Array.from({ length: 400 }, (_, i) => Number(Math.hypot(points.values[2 * i], points.values[2 * i + 1]) < 0.7)),
);

/** A float layer draws 12 lines through the plane. The classifier sees only on which side of each line a point lies. */
export class Network extends Module {
  readonly lines: Linear;
  readonly classifier: Linear;

  constructor(
    readonly signOf: (x: Tensor) => Tensor,
    rng: Rng,
  ) {
    super();
    this.lines = new Linear(2, 12, { rng: rng.split('lines') });
    this.classifier = new Linear(12, 2, { rng: rng.split('classifier') });
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => this.classifier.forward(this.signOf(this.lines.forward(x))));
  }
}

const step = valueAndGradient((network: Network) => crossEntropy(network.forward(points), labels));

/** A trained network, the loss at each step, and the weights of its lines at the start. */
export interface Trained {
  readonly network: Network;
  readonly losses: readonly number[];
  readonly start: Float32Array;
}

/** Trains a network. Whatever `signOf` is, the lines have the same weights at the start. */
export async function train(signOf: (x: Tensor) => Tensor): Promise<Trained> {
  const network = new Network(signOf, rng.split('weights'));
  const start = network.lines.weight.values.slice();
  const optimizer = new Adam({ learningRate: 0.02 });
  const losses: number[] = [];
  for (let i = 0; i < 200; i++) {
    const { value, gradients } = step(network);
    losses.push(await value.item());
    optimizer.update(network, gradients);
    dispose([value, gradients]);
  }
  return { network, losses, start };
}
