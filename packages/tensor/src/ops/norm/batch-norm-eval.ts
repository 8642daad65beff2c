import { checkNumber, checkRecord, checkTensor } from '../../check.js';
import { ShapeError } from '../../errors.js';
import { tidy } from '../../scope.js';
import { sameShape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { add, div, mul, sub } from '../elementwise/binary.js';
import { sqrt } from '../elementwise/unary.js';
import { affine, checkChannels } from './affine.js';
import { type BatchNormOptions, epsilonRange } from './batch-norm.js';

/** Parameters and fixed statistics of a batch normalization, each [channels]. */
export interface FoldableBatchNorm extends BatchNormOptions {
  /** γ, the new standard deviation. */
  readonly gamma: Tensor;
  /** β, the new mean. */
  readonly beta: Tensor;
  /** μ, the mean that is subtracted. */
  readonly mean: Tensor;
  /** σ²: the distance from the mean is divided by √(σ² + ε). */
  readonly variance: Tensor;
}

/**
 * Folds a batch normalization with fixed statistics into a scale and a shift for each channel:
 *
 *     γ·(x − μ) / √(σ² + ε) + β  =  x·scale + shift    with    scale = γ / √(σ² + ε),    shift = β − μ·scale
 *
 * The result, each [channels], is differentiable with respect to all four tensors.
 *
 * @throws TypeError unless all four are tensors; DTypeError unless they are f32; ShapeError if their shapes differ.
 *
 * @example
 * ```ts
 * import { foldBatchNorm, tensor } from '@mobinet/tensor';
 *
 * const [gamma, beta, mean, variance] = [3, 1, 10, 4].map((value) => tensor([value]));
 * const { scale, shift } = foldBatchNorm({ gamma, beta, mean, variance, epsilon: 0 });
 * console.log(`3·(x − 10)/2 + 1 = ${scale.values}·x + ${shift.values}`);
 * // → 3·(x − 10)/2 + 1 = 1.5·x + -14
 * ```
 */
export function foldBatchNorm(batchNorm: FoldableBatchNorm): { scale: Tensor; shift: Tensor } {
  return fold('foldBatchNorm', batchNorm);
}

function fold(op: string, batchNorm: FoldableBatchNorm): { scale: Tensor; shift: Tensor } {
  checkRecord(`${op}: the batch normalization`, batchNorm);
  const { gamma, beta, mean, variance, epsilon = 1e-5 } = batchNorm;
  for (const [name, vector] of Object.entries({ gamma, beta, mean, variance })) checkTensor(op, vector, name, ['f32']);
  checkNumber(`${op}: epsilon`, epsilon, epsilonRange);
  if (gamma.rank !== 1 || ![beta, mean, variance].every(({ shape }) => sameShape(shape, gamma.shape))) {
    const operands = Object.entries({ gamma, beta, mean, variance }).map(([name, { shape }]) => ({ name, shape }));
    throw new ShapeError(op, 'the vectors must have the same shape [channels]', operands);
  }
  return tidy(() => {
    const scale = div(gamma, sqrt(add(variance, epsilon)));
    return { scale, shift: sub(beta, mul(mean, scale)) };
  });
}

/**
 * Normalizes x by fixed statistics, as in evaluation: `affine` with the folded scale and shift. An exported network
 * stores these two in f32, and so computes the same bits.
 *
 * @param x [..., channels].
 * @param batchNorm Its mean and variance are the running averages of training.
 * @returns f32 of the shape of x.
 * @throws ShapeError unless all vectors have one element per channel.
 *
 * @example
 * ```ts
 * import { batchNormEval, tensor } from '@mobinet/tensor';
 *
 * const [gamma, beta, mean, variance] = [3, 1, 10, 4].map((value) => tensor([value]));
 * console.log(`${batchNormEval(tensor([[10], [12]]), { gamma, beta, mean, variance, epsilon: 0 }).values}`);
 * // → 1,4
 * ```
 */
export function batchNormEval(x: Tensor, batchNorm: FoldableBatchNorm): Tensor {
  checkTensor('batchNormEval', x, 'x', ['f32']);
  return tidy(() => {
    const { scale, shift } = fold('batchNormEval', batchNorm);
    checkChannels('batchNormEval', x.shape, { gamma: batchNorm.gamma });
    return affine(x, scale, shift);
  });
}
