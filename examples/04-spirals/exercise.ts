import { Linear, Module, ReLU } from '@mobinet/autograd';
import type { Rng, Tensor } from '@mobinet/tensor';
import { todo } from '../lib/todo.js';

/** Exercise 1: the share of rows, from 0 to 1, whose largest logit is at the label. */
export function accuracy(logits: Tensor, labels: Tensor<'i32'>): number {
  return todo('find the largest logit of each row with `argMax`, and count the rows where it is the label');
}

/** Exercise 2: the mean over the batch of −ln(the probability of the label), without `crossEntropy`. */
export function ownCrossEntropy(logits: Tensor, labels: Tensor<'i32'>): Tensor {
  return todo('take the logarithm of the softmax with `logSoftmax`, and select the labels with `oneHot`');
}

/**
 * Exercise 3: an MLP with layers of any sizes. `new Mlp([2, 32, 32, 2], rng)` is the network of the chapter: a ReLU
 * follows each layer except the last.
 */
export class Mlp extends Module {
  constructor(sizes: readonly number[], rng: Rng) {
    super();
    todo('make the layers, and keep them in a field, so that their parameters are found');
  }

  override forward(x: Tensor): Tensor {
    return todo('call one layer after another');
  }
}

/**
 * Exercise 4: Adam on plain numbers. Each call of the function that it returns updates the weights in place:
 * m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g², w ← w − η·m̂ / (√v̂ + ε), where m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ)
 * in the t-th call, with β₁ = 0.9, β₂ = 0.999 and ε = 10⁻⁸.
 */
export function ownAdam(learningRate: number): (weights: number[], gradients: readonly number[]) => void {
  return todo('keep m, v and the number of calls, and update each weight by the formula');
}
