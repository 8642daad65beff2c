import type { Tensor } from '@mobinet/tensor';
import { todo } from '../lib/todo.js';

/**
 * Exercise 1. Batch normalization in training, made of arithmetic on tensors: (x − μ) / √(σ² + ε) · γ + β, where μ and σ²
 * are the mean and the variance of each channel over the batch.
 *
 * @param x [batch, channels]
 * @param gamma [channels]
 * @param beta [channels]
 */
export function batchNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): Tensor {
  return todo('center x, divide by the root of the variance and ε, and apply γ and β');
}

/** What a batch normalization in evaluation knows of each channel. All are [channels]. */
export interface Statistics {
  readonly gamma: Tensor;
  readonly beta: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly epsilon: number;
}

/** A linear layer: y = x·Wᵀ + b. */
export interface Affine {
  /** [outputs, inputs] */
  readonly weight: Tensor;
  /** [outputs] */
  readonly bias: Tensor;
}

/**
 * Exercise 2. In evaluation, the statistics no longer change, and a batch normalization after a linear layer is not
 * needed any more. Which linear layer does what both do?
 */
export function fold(layer: Affine, norm: Statistics): Affine {
  return todo('insert y = x·Wᵀ + b into the formula of the normalization, and collect what multiplies x');
}

/** An output is −1 if x is on one side of the threshold, and +1 otherwise. */
export interface Threshold {
  readonly threshold: number;
  /** Whether the sign is +1 from the threshold up, or from the threshold down. */
  readonly positive: 'above' | 'below';
}

/**
 * Exercise 3. If a sign follows, even less is left of a batch normalization: sign(γ·(x − μ) / √(σ² + ε) + β) only says
 * on which side of a threshold x lies. For each channel, which threshold is it, and which side?
 *
 * Each γ is different from 0.
 */
export function thresholds(norm: Statistics): Threshold[] {
  return todo('for which x is the input of the sign 0, and what does a negative γ do to the order?');
}
