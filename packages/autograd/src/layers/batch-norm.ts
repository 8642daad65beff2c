import {
  applyInto,
  batchNorm,
  batchNormEval,
  checkNumber,
  foldBatchNorm,
  ones,
  type Tensor,
  zeros,
} from '@mobinet/tensor';
import { elementwiseOp, flushed, flushedLanes } from '@mobinet/tensor/kernels';
import { Module } from '../module.js';
import { Parameter } from '../parameter.js';
import { epsilonRange, shareRange } from '../ranges.js';

export interface BatchNormOptions {
  /** Added to variances, above 0. Default 1e-5. */
  epsilon?: number;
  /** How far running statistics move towards those of each batch, from 0 to 1. Default 0.1, as in PyTorch. */
  momentum?: number;
}

/**
 * Normalises each channel (the last axis) to mean β and deviation γ (Ioffe & Szegedy, 2015): by the batch's own
 * statistics in training, by their running averages in evaluation.
 */
export class BatchNorm2d extends Module {
  /** γ [channels] */
  readonly gamma: Parameter;
  /** β [channels] */
  readonly beta: Parameter;
  readonly runningMean: Tensor;
  readonly runningVariance: Tensor;
  readonly epsilon: number;
  readonly momentum: number;

  constructor(channels: number, { epsilon = 1e-5, momentum = 0.1 }: BatchNormOptions = {}) {
    super();
    checkNumber('BatchNorm2d: epsilon', epsilon, epsilonRange);
    checkNumber('BatchNorm2d: momentum', momentum, shareRange);
    this.gamma = new Parameter(ones([channels]));
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

  /** What it does in evaluation: x·scale + shift, each [channels]. */
  fold(): { scale: Tensor; shift: Tensor } {
    const { gamma, beta, runningMean: mean, runningVariance: variance, epsilon } = this;
    return foldBatchNorm({ gamma, beta, mean, variance, epsilon });
  }

  /**
   * Moves the running averages towards the statistics of a batch, and frees these.
   * @param variance Biased. @param count How many elements each channel had.
   */
  observe(mean: Tensor, variance: Tensor, count: number): void {
    moveTowards(this.runningMean, mean, this.momentum, 1);
    // Running variance estimates the population's, hence Bessel's correction n / (n − 1).
    moveTowards(this.runningVariance, variance, this.momentum, count > 1 ? count / (count - 1) : 1);
    mean.dispose();
    variance.dispose();
  }
}

/** average += rate · (scale · value − average), in place. For a dead channel it decays towards 0, so tiny values are flushed to 0. */
function moveTowards(average: Tensor, value: Tensor, rate: number, scale: number): void {
  applyInto(movingAverageOp, [average, value], [average], { rate, scale });
}

const movingAverageOp = elementwiseOp({
  name: 'movingAverage',
  operands: ['average', 'value'],
  numbers: ['rate', 'scale'],
  scalar: (average, value, { rate, scale }) => flushed(average + rate * (scale * value - average)),
  lanes: (average, value, { rate, scale }) => flushedLanes(average.add(rate.mul(scale.mul(value).sub(average)))),
  wgsl: 'flushed(average + p.rate * (p.scale * value - average))',
});
