import { checkNumber, checkOptions, type NumberRange } from '../../check.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp, isRecording } from '../../op.js';
import type { InputGradients } from '../../op-definition.js';
import type { Tensor } from '../../tensor.js';
import { add, div, mul, sub } from '../elementwise/binary.js';
import { sqrt } from '../elementwise/unary.js';
import { flushed } from '../flush.js';
import { sumTo } from '../reduce/sum.js';
import { broadcastTo } from '../shape/broadcast-to.js';
import { checkChannels } from './affine.js';
import { batchNormByKernel, batchNormGradientByKernel } from './norm.wasm.js';

/** Options of `batchNorm`. */
export interface BatchNormOptions {
  /** Added to the variance, so that constant channels do not cause a division by 0. Default 1e-5. */
  epsilon?: number;
}

/** ε of a batch normalization. */
export const epsilonRange: NumberRange = { from: 0 };

/** The result of `batchNorm`. */
export interface BatchNormResult {
  /** The normalized x, [..., channels]. */
  readonly output: Tensor;
  /** The means of this batch, [channels], for running averages. */
  readonly mean: Tensor;
  /** The biased variances, [channels]: Σ(x − mean)² / N. */
  readonly variance: Tensor;
}

/**
 * Normalizes each channel by the statistics of the batch, over all axes but the last (Ioffe & Szegedy 2015, alg. 1):
 *
 *     μ = mean(x)    σ² = mean((x − μ)²)    x̂ = (x − μ) / √(σ² + ε)    y = γ·x̂ + β
 *
 * @param x [..., channels].
 * @param gamma [channels], the new standard deviation.
 * @param beta [channels], the new mean.
 * @throws ShapeError unless gamma and beta have one element per channel; RangeError if ε is not a number of at least 0.
 *
 * @example
 * ```ts
 * import { batchNorm, ones, tensor, zeros } from '@mobinet/tensor';
 *
 * const x = tensor([[1, 100], [3, 300]]); // two samples of two channels
 * const { output, mean, variance } = batchNorm(x, ones([2]), zeros([2]));
 * console.log(`${output}`);
 * // → Tensor<f32> [2, 2]
 * // → [[-1.0000, -1.0000],
 * // →  [ 1.0000,  1.0000]]
 * console.log(`mean ${mean.values}, variance ${variance.values}`);
 * // → mean 2,200, variance 1,10000
 * ```
 */
export function batchNorm(x: Tensor, gamma: Tensor, beta: Tensor, options: BatchNormOptions = {}): BatchNormResult {
  checkOptions('batchNorm', options, ['epsilon']);
  const epsilon = checkNumber('batchNorm: epsilon', options.epsilon ?? 1e-5, epsilonRange);
  const [output, mean, variance] = apply(batchNormOp, [x, gamma, beta], { epsilon });
  return { output, mean, variance };
}

type Attributes = Required<BatchNormOptions>;

const batchNormOp = defineOp<
  [Tensor, Tensor, Tensor],
  [Tensor, Tensor, Tensor],
  Attributes,
  [x: Tensor, gamma: Tensor, mean: Tensor, variance: Tensor]
>({
  name: 'batchNorm',
  outputs([x, gamma, beta]) {
    checkChannels('batchNorm', x.shape, { gamma, beta });
    const { shape } = gamma;
    return [
      { dtype: 'f32', shape: x.shape },
      { dtype: 'f32', shape },
      { dtype: 'f32', shape },
    ];
  },
  reference([{ values: x }, { values: gamma }, { values: beta }], [{ values: y }, mean, variance], { epsilon }) {
    const channels = gamma.length;
    const count = x.length / channels;
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let at = c; at < x.length; at += channels) sum += x[at];
      const mu = sum / count;
      let squares = 0;
      for (let at = c; at < x.length; at += channels) squares += (x[at] - mu) ** 2;
      const sigma2 = squares / count;
      mean.values[c] = mu;
      variance.values[c] = sigma2;
      for (let at = c; at < x.length; at += channels) {
        y[at] = (gamma[c] * (x[at] - mu)) / Math.sqrt(sigma2 + epsilon) + beta[c];
      }
    }
  },
  fast: (inputs, outputs, { epsilon }) => batchNormByKernel(inputs, outputs, epsilon),
  webgpu([x, gamma, beta], [y, mean, variance], { epsilon }) {
    gpuKernels().momentsShader.run({ x, near: x }, { mean, variance }, {}, x.size / gamma.size, gamma.size);
    gpuKernels().normalizeShader.run([x, mean, variance, gamma, beta], y, { epsilon });
  },
  saves: ([x, gamma], [, mean, variance]) => [x, gamma, mean, variance],
  gradient(dy, { saved, attributes }) {
    if (isRecording()) return batchNormGradientByOps([dy, ...saved], attributes);
    let gradients: [Tensor, Tensor, Tensor] | undefined;
    const all = (): [Tensor, Tensor, Tensor] => {
      gradients ??= apply(batchNormGradientOp, [dy, ...saved], attributes);
      return gradients;
    };
    return [() => all()[0], () => all()[1], () => all()[2]];
  },
  furtherGradients: [
    // ∂μ/∂x = 1/N, and ∂σ²/∂x = 2(x − μ)/N.
    (dmean, { saved: [x, gamma] }) => [() => broadcastTo(mul(dmean, gamma.size / x.size), x.shape), null, null],
    (dvariance, { saved: [x, gamma, mean] }) => [
      () => mul(sub(x, mean), mul(dvariance, (2 * gamma.size) / x.size)),
      null,
      null,
    ],
  ],
});

/**
 * ∂L/∂x, ∂L/∂γ and ∂L/∂β of `batchNorm`, which share their sums. For one channel of N elements, with s = 1/√(σ² + ε):
 *
 *   1. y = γ·x̂ + β, so  dβ = Σ dy  and  dγ = Σ dy·x̂;  and the gradient of x̂ is  dx̂ = γ·dy.
 *   2. x̂ = (x − μ)·s depends on each xᵢ directly, through μ (∂μ/∂xᵢ = 1/N), and through σ² (∂σ²/∂xᵢ = 2(xᵢ − μ)/N,
 *      where ∂s/∂σ² = −s³/2). The term through μ in σ² vanishes, since Σ(x − μ) = 0.
 *   3. dxᵢ = s·dx̂ᵢ − s/N·Σ dx̂ − s³/N·(xᵢ − μ)·Σ dx̂·(x − μ)
 *   4.     = γ·s·(dyᵢ − dβ/N − x̂ᵢ·dγ/N).
 *
 * In words: the parts of dy along a constant and along x̂ are removed, since the output ignores the shift and scale of
 * x. (Ioffe & Szegedy 2015, section 3, states the parts; step 4 is their sum.) Tiny values of dx are flushed to 0.
 */
const batchNormGradientOp = defineOp<
  [dy: Tensor, x: Tensor, gamma: Tensor, mean: Tensor, variance: Tensor],
  [dx: Tensor, dgamma: Tensor, dbeta: Tensor],
  Attributes
>({
  name: 'batchNormGradient',
  outputs: ([, { shape: xShape }, { shape }]) => [
    { dtype: 'f32', shape: xShape },
    { dtype: 'f32', shape },
    { dtype: 'f32', shape },
  ],
  reference([{ values: dy }, { values: x }, gamma, mean, variance], [{ values: dx }, dgamma, dbeta], { epsilon }) {
    const channels = gamma.size;
    const count = x.length / channels;
    for (let c = 0; c < channels; c++) {
      const s = 1 / Math.sqrt(variance.values[c] + epsilon);
      const normalized = (at: number): number => (x[at] - mean.values[c]) * s;
      let sum = 0;
      let sumNormalized = 0;
      for (let at = c; at < x.length; at += channels) {
        sum += dy[at];
        sumNormalized += dy[at] * normalized(at);
      }
      dbeta.values[c] = sum;
      dgamma.values[c] = sumNormalized;
      for (let at = c; at < x.length; at += channels) {
        dx[at] = flushed(gamma.values[c] * s * (dy[at] - sum / count - (normalized(at) * sumNormalized) / count));
      }
    }
  },
  fast: (inputs, outputs, { epsilon }) => batchNormGradientByKernel(inputs, outputs, epsilon),
  webgpu([dy, x, gamma, mean, variance], [dx, dgamma, dbeta], { epsilon }) {
    const [channels, count] = [gamma.size, x.size / gamma.size];
    gpuKernels().batchNormSumsShader.run({ dy, x, mean, variance }, { dgamma, dbeta }, { epsilon }, count, channels);
    const operands = [dy, x, mean, variance, gamma, dgamma, dbeta];
    gpuKernels().batchNormGradientShader.run(operands, dx, { epsilon, share: 1 / count });
  },
});

/** `batchNormGradient` as plain ops, which can be differentiated again. */
function batchNormGradientByOps(
  [dy, x, gamma, mean, variance]: readonly [Tensor, Tensor, Tensor, Tensor, Tensor],
  { epsilon }: Attributes,
): InputGradients {
  const s = div(1, sqrt(add(variance, epsilon)));
  const normalized = mul(sub(x, mean), s);
  const dgamma = sumTo(mul(dy, normalized), gamma.shape);
  const dbeta = sumTo(dy, gamma.shape);
  const shared = mul(add(dbeta, mul(normalized, dgamma)), gamma.size / x.size);
  return [() => mul(mul(gamma, s), sub(dy, shared)), () => dgamma, () => dbeta];
}
