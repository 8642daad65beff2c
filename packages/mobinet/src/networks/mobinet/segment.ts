import { BatchNorm2d, Conv2d, Module, Parameter, PReLU, ReLU, RPReLU } from '@mobinet/autograd';
import { BinaryConv2d, binarizeWeights, binarySegment, type Estimator, signWithEstimator } from '@mobinet/bnn';
import { countDType, foldedOutputTransform, foldOutputTransform } from '@mobinet/bnn/kernels';
import {
  add,
  bitConv2d,
  concat,
  isRecording,
  packBits,
  type Rng,
  type Tensor,
  tidy,
  unpackBits,
  zeros,
} from '@mobinet/tensor/functions';
import type { MoBiNetOptions } from './options.js';
import { type SegmentPlan, weightsPerFilter } from './plan.js';

/**
 * sign → binary convolution · α → PReLU → BatchNorm, plus the skip connection (paper, section 3.1). Options add the two
 * ideas of ReActNet (Liu et al., 2020): a learned shift before the sign, which the skip connection does not see, and a
 * learned corner of the PReLU.
 */
export class Segment extends Module {
  /** Added to the input before its signs are taken [inChannels], 0 at first; null without learned shifts. */
  readonly shift: Parameter | null;
  readonly conv: BinaryConv2d | Conv2d;
  readonly activation: PReLU | ReLU | RPReLU;
  readonly norm: BatchNorm2d;
  readonly plan: SegmentPlan;
  /** The estimator of the signs that a convolution with float weights takes as its input; null if it takes floats. */
  readonly #estimator: Estimator | null;

  constructor(plan: SegmentPlan, options: MoBiNetOptions, rng: Rng) {
    super();
    const { kernel, inChannels, outChannels, groups } = plan;
    this.plan = plan;
    const shape = { kernel, groups, rng };
    const { padding: paddingValue, estimator, scalingGradient } = options;
    const { precision } = options;
    // A float twin takes no signs, so it has no thresholds to learn.
    const isShifted = options.shift === 'learned' && precision !== 'float';
    this.shift = isShifted ? new Parameter(zeros([inChannels])) : null;
    this.conv =
      precision === 'binary'
        ? new BinaryConv2d(inChannels, outChannels, { ...shape, paddingValue, estimator, scalingGradient })
        : new Conv2d(inChannels, outChannels, { ...shape, bias: false });
    this.#estimator = precision === 'binary-activations' ? estimator : null;
    this.activation = makeActivation(options, outChannels);
    this.norm = new BatchNorm2d(outChannels, { gamma: options.gamma });
  }

  override forward(x: Tensor): Tensor {
    const { conv, activation, shift } = this;
    return tidy(() => {
      if (conv instanceof BinaryConv2d && !(activation instanceof RPReLU)) {
        if (this.training) return this.#trainBinary(conv, x);
        if (!isRecording() && !shift) return this.#evaluateBinary(conv, x);
      }
      return this.#stepByStep(x);
    });
  }

  /** One fused op, which normalizes with the statistics of the batch. */
  #trainBinary(conv: BinaryConv2d, x: Tensor): Tensor {
    const { activation, norm, plan, shift } = this;
    const slope = activation instanceof PReLU ? activation.slope : zeros([plan.outChannels]);
    const { gamma, beta, epsilon } = norm;
    // The op adds its own input as a skip. With a shift, the skip is another tensor, and is added afterwards.
    const options = { ...conv.options, skipRepeats: shift ? 0 : plan.skipRepeats, epsilon };
    const { output, mean, variance } = binarySegment(this.#shifted(x), conv.weight, { slope, gamma, beta }, options);
    norm.observe(mean, variance, output.size / plan.outChannels);
    return shift ? addSkip(output, x, plan.skipRepeats) : output;
  }

  /** Computes exactly what a packed network does, so that both give the same bits. */
  #evaluateBinary({ weight, options }: BinaryConv2d, x: Tensor): Tensor {
    const { activation, norm, plan } = this;
    const { estimator, scalingGradient, ...convolution } = options;
    const { signs, alpha } = binarizeWeights(weight);
    const slope = activation instanceof PReLU ? activation.slope : null;
    const folded = foldOutputTransform({ alpha, slope, ...norm.fold() });
    const count = weightsPerFilter(plan);
    const counts = bitConv2d(packBits(x), signs, { ...convolution, dtype: countDType(count, convolution) });
    const { skipRepeats } = plan;
    const attributes = { signs: count, skipRepeats, pool: null };
    return foldedOutputTransform(counts, folded, skipRepeats > 0 ? x : null, attributes).output;
  }

  /**
   * For float weights, for evaluation that is differentiated, and for the options of ReActNet, whose steps do not fold
   * into one transform of the counts. In a compiled network, `outputTransform` fuses them.
   */
  #stepByStep(x: Tensor): Tensor {
    const y = this.norm.forward(this.activation.forward(this.conv.forward(this.#inputOf(this.#shifted(x)))));
    return addSkip(y, x, this.plan.skipRepeats);
  }

  #shifted(x: Tensor): Tensor {
    return this.shift ? add(x, this.shift) : x;
  }

  /** The input of the convolution. Outside of training, the signs are made by ops that packed files support. */
  #inputOf(x: Tensor): Tensor {
    if (this.#estimator === null) return x;
    return isRecording() ? signWithEstimator(x, this.#estimator) : unpackBits(packBits(x));
  }
}

function makeActivation({ activation }: MoBiNetOptions, channels: number): PReLU | ReLU | RPReLU {
  if (activation === 'relu') return new ReLU();
  return activation === 'prelu' ? new PReLU(channels) : new RPReLU(channels, { zeta: false });
}

/** Adds x, repeated along the channels, to y. */
function addSkip(y: Tensor, x: Tensor, repeats: number): Tensor {
  if (repeats === 0) return y;
  return add(
    y,
    repeats === 1
      ? x
      : concat(
          Array.from({ length: repeats }, () => x),
          -1,
        ),
  );
}
