import { Adam, type AnyModule, valueAndGradient } from '@mobinet/autograd';
import { dispose, type Tensor, tidy } from '@mobinet/tensor';

/** How to train a network. */
export interface Minimization<N> {
  readonly steps: number;
  /** The learning rate of Adam. */
  readonly learningRate: number;
  /** The loss of a step, counted from 0, such as that of a random batch. */
  readonly loss: (network: N, step: number) => Tensor;
}

/** Takes steps of Adam on a loss, whatever the network takes and returns. Returns the loss of each step. */
export function minimize<N extends AnyModule>(network: N, { steps, learningRate, loss }: Minimization<N>): number[] {
  const optimizer = new Adam({ learningRate });
  const stepOf = valueAndGradient(loss);
  network.train();
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { value, gradients } = tidy(() => stepOf(network, step));
    losses.push(value.values[0]);
    optimizer.update(network, gradients);
    dispose([value, gradients]);
  }
  optimizer.dispose();
  network.eval();
  return losses;
}

/** The mean of the last losses, which differ from batch to batch. */
export const finalLoss = (losses: readonly number[], count = 20): number =>
  losses.slice(-count).reduce((sum, loss) => sum + loss, 0) / count;
