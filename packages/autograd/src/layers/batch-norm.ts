import {
  batchNorm,
  batchNormEval,
  checkNumber,
  checkOptions,
  foldBatchNorm,
  full,
  ones,
  type Tensor,
  wholeNumbers,
  zeros,
} from '@mobinet/tensor/functions';
import { Module } from '../module.js';
import { Parameter } from '../parameter.js';
import { epsilonRange, fractionRange } from '../ranges.js';
import { moveTowards } from './moving-average.js';
import { isCollected } from './observations.js';

/** Options of `BatchNorm2d`. */
export interface BatchNormOptions {
  /** Added to variances, above 0. Default 1e-5. */
  epsilon?: number;
  /** How far running statistics move towards the statistics of each batch, from 0 to 1. Default 0.1, as in PyTorch. */
  momentum?: number;
  /**
   * The initial value of γ, from 0 to 1. A small one keeps a branch beside a skip connection quiet at first, so that a
   * deep sum of branches starts with about the variance of its input (De & Smith, 2020). Default 1.
   */
  gamma?: number;
}

/**
 * Batch normalization (Ioffe & Szegedy, 2015): normalizes each channel (the last axis) to mean β and standard deviation
 * γ, from [..., channels] to the same shape. In training it uses the statistics of the batch, in evaluation their
 * running averages.
 *
 * @example
 * ```ts
 * import { BatchNorm2d } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * const norm = new BatchNorm2d(1);
 * const y = norm.forward(tensor([[4], [8]])); // mean 6, variance 4
 * console.log([...y.values].map((value) => value.toFixed(2)).join(' '));
 * // The running mean moves from 0 a tenth of the way towards 6.
 * console.log(norm.runningMean.values[0].toFixed(2));
 * // → -1.00 1.00
 * // → 0.60
 * ```
 */
export class BatchNorm2d extends Module {
  /** γ [channels]. */
  readonly gamma: Parameter;
  /** β [channels], 0 at first. */
  readonly beta: Parameter;
  /** The running average of the means of batches, [channels], 0 at first. */
  readonly runningMean: Tensor;
  /** The running average of the unbiased variances of batches, [channels], 1 at first. */
  readonly runningVariance: Tensor;
  /** ε, added to variances. */
  readonly epsilon: number;
  /** How far running statistics move towards those of each batch. */
  readonly momentum: number;

  /**
   * @param channels The number of channels, the size of the last axis.
   * @throws RangeError if `channels` is not a whole number above 0, or an option is out of range or unknown.
   */
  constructor(channels: number, options: BatchNormOptions = {}) {
    super();
    checkOptions('BatchNorm2d', options, ['epsilon', 'momentum', 'gamma']);
    const { epsilon = 1e-5, momentum = 0.1, gamma = 1 } = options;
    checkNumber('BatchNorm2d: channels', channels, wholeNumbers(1));
    checkNumber('BatchNorm2d: epsilon', epsilon, epsilonRange);
    checkNumber('BatchNorm2d: momentum', momentum, fractionRange);
    checkNumber('BatchNorm2d: gamma', gamma, fractionRange);
    this.gamma = new Parameter(full([channels], gamma));
    this.beta = new Parameter(zeros([channels]));
    this.runningMean = zeros([channels]);
    this.runningVariance = ones([channels]);
    this.epsilon = epsilon;
    this.momentum = momentum;
  }

  override forward(x: Tensor): Tensor {
    const { gamma, beta, runningMean, runningVariance, epsilon } = this;
    if (!this.training) {
      return batchNormEval(x, { gamma, beta, mean: runningMean, variance: runningVariance, epsilon });
    }
    const { output, mean, variance } = batchNorm(x, gamma, beta, { epsilon });
    this.observe(mean, variance, x.size / gamma.size);
    return output;
  }

  /**
   * The layer in evaluation as x·scale + shift, where both are [channels]: scale = γ / √(σ² + ε), shift = β − μ·scale,
   * with the running statistics μ and σ².
   */
  fold(): { scale: Tensor; shift: Tensor } {
    const { gamma, beta, runningMean: mean, runningVariance: variance, epsilon } = this;
    return foldBatchNorm({ gamma, beta, mean, variance, epsilon });
  }

  /**
   * Moves the running averages towards the statistics of a batch, which it disposes of. In `collectObservations`, the
   * statistics are collected instead.
   *
   * @param mean The mean of each channel, [channels].
   * @param variance The biased variance of each channel, [channels].
   * @param count The number of elements per channel in the batch.
   */
  observe(mean: Tensor, variance: Tensor, count: number): void {
    if (isCollected({ layer: this, mean, variance, count })) return;
    moveTowards(this.runningMean, mean, this.momentum, 1);
    // The running variance estimates that of the population, hence Bessel's correction n / (n − 1).
    moveTowards(this.runningVariance, variance, this.momentum, count > 1 ? count / (count - 1) : 1);
    mean.dispose();
    variance.dispose();
  }
}
