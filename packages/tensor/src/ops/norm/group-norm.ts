import { withBackend } from '../../backend.js';
import { checkNumber, checkOptions, checkTensor, wholeNumbers } from '../../check.js';
import { checkShape } from '../../check-shape.js';
import { ones, zeros } from '../../create.js';
import { ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp, isRecording } from '../../op.js';
import type { InputGradients } from '../../op-definition.js';
import { tidy } from '../../scope.js';
import { type Shape, sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { add, div, mul, sub } from '../elementwise/binary.js';
import { sqrt, square } from '../elementwise/unary.js';
import { flushed } from '../flush.js';
import { mean } from '../reduce/mean.js';
import { sumTo } from '../reduce/sum.js';
import { reshape } from '../shape/reshape.js';
import { epsilonRange } from './batch-norm.js';
import { groupNormByKernel, groupNormGradientByKernel } from './group-norm.wasm.js';
import { type GroupNormAttributes, layoutOf } from './group-norm-layout.js';

/** Options of `groupNorm`. */
export interface GroupNormOptions {
  /** Added to the variance, so that constant groups do not cause a division by 0. Default 1e-5. */
  epsilon?: number;
}

/** Options of `layerNorm`. */
export interface LayerNormOptions extends GroupNormOptions {
  /** The last axes of x, which are normalized together. Default: the shape of gamma or beta, or else the last axis. */
  normalizedShape?: Shape;
}

/**
 * Normalizes each sample over its last axes (Ba, Kiros & Hinton 2016):
 *
 *     μ = mean(x)    σ² = mean((x − μ)²)    y = γ·(x − μ) / √(σ² + ε) + β
 *
 * The variance is biased, as in PyTorch. A constant sample becomes β.
 *
 * @param x [..., ...normalizedShape], f32.
 * @param gamma [...normalizedShape]. Default, or null: ones.
 * @param beta [...normalizedShape]. Default, or null: zeros.
 * @returns f32 of the shape of x.
 * @throws ShapeError if the last axes of x are not `normalizedShape`, or gamma and beta have another shape; RangeError if
 *   ε is not a number of at least 0; DTypeError unless x is f32.
 *
 * @example
 * ```ts
 * import { layerNorm, tensor } from '@mobinet/tensor';
 *
 * console.log(`${layerNorm(tensor([[1, 3], [100, 300]]))}`); // every row has mean 0 and variance 1
 * // → Tensor<f32> [2, 2]
 * // → [[-1.0000,  1.0000],
 * // →  [-1.0000,  1.0000]]
 * ```
 */
export function layerNorm(
  x: Tensor,
  gamma: Tensor | null = null,
  beta: Tensor | null = null,
  options: LayerNormOptions = {},
): Tensor {
  checkOptions('layerNorm', options, ['epsilon', 'normalizedShape']);
  const epsilon = checkNumber('layerNorm: epsilon', options.epsilon ?? 1e-5, epsilonRange);
  checkTensor('layerNorm', x, 'x', ['f32']);
  const { normalizedShape: over = (gamma ?? beta)?.shape ?? x.shape.slice(-1) } = options;
  checkShape('layerNorm: normalizedShape', over);
  const first = x.rank - over.length;
  if (over.length === 0 || first < 0 || over.some((size, axis) => size !== x.shape[first + axis])) {
    throw new ShapeError('layerNorm', `the last axes of x are not [${over.join(', ')}]`, [
      { name: 'x', shape: x.shape, note: '…, normalizedShape' },
    ]);
  }
  return normalize(layerNormOp, x, gamma, beta, over, { epsilon, groups: 1, pixels: 1 });
}

/**
 * Normalizes groups of neighboring channels of each image (Wu & He 2018), with the formulas of `layerNorm`: μ and σ² are
 * those of the channels of a group at all pixels, and γ and β are of single channels.
 *
 * The groups are those of PyTorch, channels 0 … channels/groups − 1 and so on, but the channels are the last axis.
 *
 * @param x [images, ..., channels], f32.
 * @param groups A divisor of the number of channels. One group normalizes whole images; as many groups as channels
 *   normalize single channels of images (instance normalization).
 * @param gamma [channels]. Default, or null: ones.
 * @param beta [channels]. Default, or null: zeros.
 * @returns f32 of the shape of x.
 * @throws ShapeError if x has no images and channels, the groups do not divide the channels, or gamma and beta do not
 *   have one element per channel; RangeError if `groups` is not a whole number above 0, or ε is not a number of at least
 *   0; DTypeError unless x is f32.
 *
 * @example
 * ```ts
 * import { groupNorm, tensor } from '@mobinet/tensor';
 *
 * const image = tensor([[[1, 3, 10, 10], [1, 3, 30, 30]]]); // one image of two pixels and four channels
 * console.log(`${groupNorm(image, 2)}`);
 * // → Tensor<f32> [1, 2, 4]
 * // → [[[-1.0000,  1.0000, -1.0000, -1.0000],
 * // →   [-1.0000,  1.0000,  1.0000,  1.0000]]]
 * ```
 */
export function groupNorm(
  x: Tensor,
  groups: number,
  gamma: Tensor | null = null,
  beta: Tensor | null = null,
  options: GroupNormOptions = {},
): Tensor {
  checkOptions('groupNorm', options, ['epsilon']);
  const epsilon = checkNumber('groupNorm: epsilon', options.epsilon ?? 1e-5, epsilonRange);
  checkTensor('groupNorm', x, 'x', ['f32']);
  checkNumber('groupNorm: groups', groups, wholeNumbers(1));
  const channels = x.shape.at(-1);
  if (x.rank < 2 || channels === undefined) {
    throw new ShapeError('groupNorm', 'x has no images and channels', [
      { name: 'x', shape: x.shape, note: 'images, …, channels' },
    ]);
  }
  if (channels % groups !== 0) {
    throw new ShapeError('groupNorm', `${groups} groups do not divide ${channels} channels`, [
      { name: 'x', shape: x.shape, note: 'images, …, channels' },
    ]);
  }
  const pixels = sizeOf(x.shape.slice(1, -1));
  return normalize(groupNormOp, x, gamma, beta, [channels], { epsilon, groups, pixels });
}

function normalize(
  op: ReturnType<typeof groupwiseNorm>,
  x: Tensor,
  gamma: Tensor | null,
  beta: Tensor | null,
  shape: Shape,
  attributes: GroupNormAttributes,
): Tensor {
  for (const [name, vector] of Object.entries({ gamma, beta })) {
    if (vector === null) continue;
    checkTensor(op.name, vector, name, ['f32']);
    if (vector.rank === shape.length && vector.shape.every((size, axis) => size === shape[axis])) continue;
    throw new ShapeError(op.name, `${name} must have the shape [${shape.join(', ')}]`, [
      { name: 'x', shape: x.shape },
      { name, shape: vector.shape, note: vector.label },
    ]);
  }
  const constant = (make: (shape: Shape) => Tensor): Tensor => withBackend(x.backend, () => make(shape));
  // Frees the constants, and the statistics, which only the gradient reads.
  return tidy(() => apply(op, [x, gamma ?? constant(ones), beta ?? constant(zeros)], attributes)[0]);
}

const layerNormOp = groupwiseNorm('layerNorm');
const groupNormOp = groupwiseNorm('groupNorm');

type Saved = [x: Tensor, gamma: Tensor, mean: Tensor, variance: Tensor];

/** `layerNorm` and `groupNorm` differ in their shapes only. */
/* @__NO_SIDE_EFFECTS__ */
function groupwiseNorm(name: string) {
  const gradientOp = groupwiseNormGradient(`${name}Gradient`);
  return defineOp<
    [x: Tensor, gamma: Tensor, beta: Tensor],
    [y: Tensor, mean: Tensor, variance: Tensor],
    GroupNormAttributes,
    Saved
  >({
    name,
    outputs([x, gamma], attributes) {
      const [images, , groups] = layoutOf(x, gamma, attributes);
      return [
        { dtype: 'f32', shape: x.shape },
        { dtype: 'f32', shape: [images, groups] },
        { dtype: 'f32', shape: [images, groups] },
      ];
    },
    reference([x, gamma, beta], [y, means, variances], attributes) {
      forEachGroup(x, gamma, attributes, (group, count, visit) => {
        let sum = 0;
        visit((at) => {
          sum += x.values[at];
        });
        const mu = sum / count;
        let squares = 0;
        visit((at) => {
          squares += (x.values[at] - mu) ** 2;
        });
        const sigma2 = squares / count;
        means.values[group] = mu;
        variances.values[group] = sigma2;
        visit((at, c) => {
          const normalized = (x.values[at] - mu) / Math.sqrt(sigma2 + attributes.epsilon);
          y.values[at] = gamma.values[c] * normalized + beta.values[c];
        });
      });
    },
    fast: groupNormByKernel,
    webgpu: (inputs, outputs, attributes) => gpuKernels().groupNormOnGpu(inputs, outputs, attributes),
    saves: ([x, gamma], [, mean, variance]) => [x, gamma, mean, variance],
    gradient(dy, { saved, attributes, inputShapes: [, gammaShape] }) {
      if (isRecording()) return groupNormGradientByOps(dy, saved, attributes, gammaShape);
      let gradients: [Tensor, Tensor, Tensor] | undefined;
      const all = (): [Tensor, Tensor, Tensor] => {
        gradients ??= apply(gradientOp, [dy, ...saved], attributes);
        return gradients;
      };
      return [() => all()[0], () => all()[1], () => all()[2]];
    },
  });
}

/**
 * ∂L/∂x, ∂L/∂γ and ∂L/∂β. For a group of N elements, with s = 1/√(σ² + ε) and x̂ = (x − μ)·s, the derivation is that of
 * `batchNorm`, except that γ differs within the group and so stays inside the sums. With dx̂ = γ·dy:
 *
 *     dx = s·(dx̂ − Σdx̂/N − x̂·Σ(dx̂·x̂)/N)    dγ = Σ dy·x̂    dβ = Σ dy
 *
 * where the sums for dγ and dβ are over the images and pixels. Tiny values of dx are flushed to 0.
 */
/* @__NO_SIDE_EFFECTS__ */
function groupwiseNormGradient(name: string) {
  return defineOp<[dy: Tensor, ...Saved], [dx: Tensor, dgamma: Tensor, dbeta: Tensor], GroupNormAttributes>({
    name,
    outputs: ([, { shape: xShape }, { shape }]) => [
      { dtype: 'f32', shape: xShape },
      { dtype: 'f32', shape },
      { dtype: 'f32', shape },
    ],
    reference([{ values: dy }, x, gamma, means, variances], [dx, dgamma, dbeta], attributes) {
      const sums = { gamma: new Float64Array(gamma.size), beta: new Float64Array(gamma.size) };
      forEachGroup(x, gamma, attributes, (group, count, visit) => {
        const s = 1 / Math.sqrt(variances.values[group] + attributes.epsilon);
        const normalized = (at: number): number => (x.values[at] - means.values[group]) * s;
        let sum = 0;
        let sumNormalized = 0;
        visit((at, c) => {
          sum += gamma.values[c] * dy[at];
          sumNormalized += gamma.values[c] * dy[at] * normalized(at);
          sums.gamma[c] += dy[at] * normalized(at);
          sums.beta[c] += dy[at];
        });
        visit((at, c) => {
          const rest = gamma.values[c] * dy[at] - sum / count - (normalized(at) * sumNormalized) / count;
          dx.values[at] = flushed(s * rest);
        });
      });
      dgamma.values.set(sums.gamma);
      dbeta.values.set(sums.beta);
    },
    fast: groupNormGradientByKernel,
    webgpu: (inputs, outputs, attributes) => gpuKernels().groupNormGradientOnGpu(inputs, outputs, attributes),
  });
}

/** Calls `work` for each group, with the number of its elements, and a function that visits them and their channels. */
function forEachGroup(
  x: Tensor,
  gamma: Tensor,
  attributes: GroupNormAttributes,
  work: (group: number, count: number, visit: (each: (at: number, c: number) => void) => void) => void,
): void {
  const [images, pixels, groups, perGroup] = layoutOf(x, gamma, attributes);
  for (let image = 0; image < images; image++) {
    for (let group = 0; group < groups; group++) {
      work(image * groups + group, pixels * perGroup, (each) => {
        for (let pixel = 0; pixel < pixels; pixel++) {
          for (let c = group * perGroup; c < (group + 1) * perGroup; c++) {
            each((image * pixels + pixel) * gamma.size + c, c);
          }
        }
      });
    }
  }
}

/** The gradients as plain ops, which can be differentiated again. */
function groupNormGradientByOps(
  dy: Tensor,
  [x, gamma]: readonly [Tensor, Tensor, ...unknown[]],
  attributes: GroupNormAttributes,
  gammaShape: Shape,
): InputGradients {
  const layout = layoutOf(x, gamma, attributes);
  const [, , groups, perGroup] = layout;
  const averaged = (value: Tensor): Tensor => mean(value, { axes: [1, 3], keepDims: true });
  const toChannels = (value: Tensor): Tensor => reshape(sumTo(value, [groups, perGroup]), gammaShape);
  const [values, slopes, factors] = [reshape(x, layout), reshape(dy, layout), reshape(gamma, [groups, perGroup])];
  const centered = sub(values, averaged(values));
  const s = div(1, sqrt(add(averaged(square(centered)), attributes.epsilon)));
  const normalized = mul(centered, s);
  const scaled = mul(slopes, factors);
  const shared = add(averaged(scaled), mul(normalized, averaged(mul(scaled, normalized))));
  return [
    () => reshape(mul(s, sub(scaled, shared)), x.shape),
    () => toChannels(mul(slopes, normalized)),
    () => toChannels(slopes),
  ];
}
