import type { Tensor } from '../../tensor.js';
import { add, div, mul, sub } from '../elementwise/binary.js';
import { sqrt } from '../elementwise/unary.js';
import { affine } from './affine.js';
import type { BatchNormOptions } from './batch-norm.js';

/** Batch normalisation with fixed statistics, each [channels]. */
export interface FoldableBatchNorm extends BatchNormOptions {
  readonly gamma: Tensor;
  readonly beta: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/**
 * Batch normalisation with fixed statistics is a line per channel, y = x·scale + shift:
 *
 *     γ·(x − μ) / √(σ² + ε) + β  =  x·scale + shift    with    scale = γ / √(σ² + ε),    shift = β − μ·scale
 *
 * Differentiable by all four tensors.
 */
export function foldBatchNorm({ gamma, beta, mean, variance, epsilon = 1e-5 }: FoldableBatchNorm): {
  scale: Tensor;
  shift: Tensor;
} {
  const scale = div(gamma, sqrt(add(variance, epsilon)));
  return { scale, shift: sub(beta, mul(mean, scale)) };
}

/**
 * Batch normalisation in evaluation: `affine` with the folded scale and shift. An exported network stores these two,
 * as f32, and so computes the same bits.
 *
 * @param x [..., channels]; the others are [channels], mean and variance from training's running averages.
 */
export function batchNormEval(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  mean: Tensor,
  variance: Tensor,
  options: BatchNormOptions = {},
): Tensor {
  const { scale, shift } = foldBatchNorm({ gamma, beta, mean, variance, ...options });
  return affine(x, scale, shift);
}
