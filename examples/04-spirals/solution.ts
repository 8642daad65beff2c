import { Linear, Module, ReLU } from '@mobinet/autograd';
import { argMax, logSoftmax, mean, mul, neg, oneHot, type Rng, sum, type Tensor, tidy } from '@mobinet/tensor';

export function accuracy(logits: Tensor, labels: Tensor<'i32'>): number {
  const predicted = tidy(() => argMax(logits, 1).values.slice());
  return predicted.filter((label, i) => label === labels.values[i]).length / predicted.length;
}

export function ownCrossEntropy(logits: Tensor, labels: Tensor<'i32'>): Tensor {
  return tidy(() => {
    const selected = mul(logSoftmax(logits), oneHot(labels, logits.shape[1]));
    return neg(mean(sum(selected, { axes: 1 })));
  });
}

export class Mlp extends Module {
  readonly layers: readonly Module[];

  constructor(sizes: readonly number[], rng: Rng) {
    super();
    this.layers = sizes
      .slice(1)
      .flatMap((size, i) => [...(i > 0 ? [new ReLU()] : []), new Linear(sizes[i], size, { rng })]);
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => this.layers.reduce((value, layer) => layer.forward(value), x));
  }
}

export function ownAdam(learningRate: number): (weights: number[], gradients: readonly number[]) => void {
  const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];
  const means: number[] = [];
  const squares: number[] = [];
  let calls = 0;
  return (weights, gradients) => {
    calls++;
    gradients.forEach((gradient, i) => {
      means[i] = beta1 * (means[i] ?? 0) + (1 - beta1) * gradient;
      squares[i] = beta2 * (squares[i] ?? 0) + (1 - beta2) * gradient ** 2;
      // Both start at 0, so at first they are too small, by these factors.
      const mean = means[i] / (1 - beta1 ** calls);
      const square = squares[i] / (1 - beta2 ** calls);
      weights[i] -= (learningRate * mean) / (Math.sqrt(square) + epsilon);
    });
  };
}
