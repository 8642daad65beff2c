import { Adam, crossEntropy, type Module, noGradient, valueAndGradient } from '@mobinet/autograd';
import { argMax, dispose, type Tensor, tidy } from '@mobinet/tensor';

/** Inputs of any shape [count, …], and the class of each. */
export interface Examples {
  readonly images: Tensor;
  /** [count] */
  readonly labels: Tensor<'i32'>;
}

/** How long and how fast to train. */
export interface Training {
  readonly epochs: number;
  readonly learningRate: number;
  /** Called after each epoch, counted from 1, with its mean loss. */
  readonly onEpoch?: (epoch: number, loss: number) => void;
}

const batchSize = 50;

const step = valueAndGradient((network: Module, images: Tensor, labels: Tensor<'i32'>) =>
  crossEntropy(network.forward(images), labels),
);

/** Trains a classifier with Adam on all examples, again and again, a batch of 50 at a time. */
export function train(
  network: Module,
  { images, labels }: Examples,
  { epochs, learningRate, onEpoch }: Training,
): void {
  const optimizer = new Adam({ learningRate });
  network.train();
  for (let epoch = 1; epoch <= epochs; epoch++) {
    let total = 0;
    for (let start = 0; start < labels.size; start += batchSize) {
      const end = start + batchSize;
      const { value, gradients } = tidy(() =>
        step(network, images.slice([start], [end]), labels.slice([start], [end])),
      );
      total += value.values[0];
      optimizer.update(network, gradients);
      dispose([value, gradients]);
    }
    onEpoch?.(epoch, total / (labels.size / batchSize));
  }
  optimizer.dispose();
}

/** The class that a network finds most probable for each example, in evaluation mode. */
export function guess(network: Module, images: Tensor): Int32Array {
  network.eval();
  return tidy(() => noGradient(() => argMax(network.forward(images), 1)).values.slice());
}

/** The share of examples that a network classifies correctly, in percent. */
export function accuracy(network: Module, { images, labels }: Examples): number {
  const hits = guess(network, images).filter((label, at) => label === labels.values[at]);
  return (100 * hits.length) / labels.size;
}
