import {
  checkChoice,
  checkList,
  checkNumber,
  checkOptions,
  groupNorm,
  layerNorm,
  ones,
  type Shape,
  ShapeError,
  type Tensor,
  wholeNumbers,
  zeros,
} from '@mobinet/tensor/functions';
import { Module } from '../module.js';
import { Parameter } from '../parameter.js';
import { epsilonRange } from '../ranges.js';

/** Options of `LayerNorm` and `GroupNorm`. */
export interface GroupNormLayerOptions {
  /** Added to variances, above 0. Default 1e-5. */
  epsilon?: number;
  /** Whether γ and β are learned. Default true. */
  affine?: boolean;
}

/**
 * Layer normalization (Ba, Kiros & Hinton 2016): normalizes each sample over its last axes to mean β and standard
 * deviation γ, in training and in evaluation. See `layerNorm`.
 *
 * @example
 * ```ts
 * import { LayerNorm } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * const norm = new LayerNorm(2);
 * const y = norm.forward(tensor([[4, 8], [100, 0]]));
 * console.log([...y.values].map((value) => value.toFixed(2)).join(' '));
 * // → -1.00 1.00 1.00 -1.00
 * ```
 */
export class LayerNorm extends Module {
  /** γ [...features], 1 at first; null without `affine`. */
  readonly gamma: Parameter | null;
  /** β [...features], 0 at first; null without `affine`. */
  readonly beta: Parameter | null;
  /** The last axes of x, which are normalized together. */
  readonly normalizedShape: Shape;
  /** ε, added to variances. */
  readonly epsilon: number;

  /**
   * @param features The size of the last axis, or the sizes of the last axes.
   * @throws RangeError if a size is not a whole number above 0, or an option is out of range or unknown.
   */
  constructor(features: number | Shape, options: GroupNormLayerOptions = {}) {
    super();
    checkOptions('LayerNorm', options, ['epsilon', 'affine']);
    const { epsilon = 1e-5, affine = true } = options;
    checkChoice('LayerNorm: affine', affine, [true, false]);
    checkNumber('LayerNorm: epsilon', epsilon, epsilonRange);
    const shape = typeof features === 'number' ? [features] : features;
    checkList('LayerNorm: features', shape, '[4, 4]');
    if (shape.length === 0) throw new ShapeError('LayerNorm', 'features [] are no axes to normalize over');
    for (const size of shape) checkNumber('LayerNorm: features', size, wholeNumbers(1));
    this.gamma = affine ? new Parameter(ones(shape)) : null;
    this.beta = affine ? new Parameter(zeros(shape)) : null;
    this.normalizedShape = [...shape];
    this.epsilon = epsilon;
  }

  override forward(x: Tensor): Tensor {
    const { gamma, beta, normalizedShape, epsilon } = this;
    return layerNorm(x, gamma, beta, { normalizedShape, epsilon });
  }
}

/**
 * Group normalization (Wu & He 2018): normalizes groups of neighboring channels of each image [batch, ..., channels] to
 * mean β and standard deviation γ, in training and in evaluation. See `groupNorm`.
 *
 * @example
 * ```ts
 * import { GroupNorm } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * const norm = new GroupNorm(2, 4);
 * const y = norm.forward(tensor([[4, 8, 100, 0]]));
 * console.log([...y.values].map((value) => value.toFixed(2)).join(' '));
 * // → -1.00 1.00 1.00 -1.00
 * ```
 */
export class GroupNorm extends Module {
  /** γ [channels], 1 at first; null without `affine`. */
  readonly gamma: Parameter | null;
  /** β [channels], 0 at first; null without `affine`. */
  readonly beta: Parameter | null;
  /** The number of groups. */
  readonly groups: number;
  /** ε, added to variances. */
  readonly epsilon: number;

  /**
   * @param groups The number of groups, a divisor of the number of channels.
   * @param channels The size of the last axis.
   * @throws RangeError if a number is not a whole number above 0, or an option is out of range or unknown; ShapeError if
   *   the groups do not divide the channels.
   */
  constructor(groups: number, channels: number, options: GroupNormLayerOptions = {}) {
    super();
    checkOptions('GroupNorm', options, ['epsilon', 'affine']);
    const { epsilon = 1e-5, affine = true } = options;
    checkChoice('GroupNorm: affine', affine, [true, false]);
    checkNumber('GroupNorm: groups', groups, wholeNumbers(1));
    checkNumber('GroupNorm: channels', channels, wholeNumbers(1));
    checkNumber('GroupNorm: epsilon', epsilon, epsilonRange);
    if (channels % groups !== 0) {
      throw new ShapeError('GroupNorm', `${groups} groups do not divide ${channels} channels`);
    }
    this.gamma = affine ? new Parameter(ones([channels])) : null;
    this.beta = affine ? new Parameter(zeros([channels])) : null;
    this.groups = groups;
    this.epsilon = epsilon;
  }

  override forward(x: Tensor): Tensor {
    const { groups, gamma, beta, epsilon } = this;
    return groupNorm(x, groups, gamma, beta, { epsilon });
  }
}
