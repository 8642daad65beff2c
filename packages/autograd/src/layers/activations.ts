import {
  add,
  checkChoice,
  checkNumber,
  checkOptions,
  checkTensor,
  full,
  type GeluOptions,
  gelu,
  neg,
  prelu,
  relu,
  ShapeError,
  sigmoid,
  silu,
  type Tensor,
  tanh,
  tidy,
  wholeNumbers,
  zeros,
} from '@mobinet/tensor/functions';
import { Module } from '../module.js';
import { Parameter } from '../parameter.js';

/**
 * The rectifier max(x, 0).
 *
 * @example
 * ```ts
 * import { ReLU } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * console.log(`${new ReLU().forward(tensor([-1, 0, 2])).values}`);
 * // → 0,0,2
 * ```
 */
export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/**
 * The sigmoid 1 / (1 + e^−x).
 *
 * @example
 * ```ts
 * import { Sigmoid } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * console.log(`${new Sigmoid().forward(tensor([0, 1000])).values}`);
 * // → 0.5,1
 * ```
 */
export class Sigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/**
 * The hyperbolic tangent.
 *
 * @example
 * ```ts
 * import { Tanh } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * console.log(`${new Tanh().forward(tensor([-1000, 0, 1000])).values}`);
 * // → -1,0,1
 * ```
 */
export class Tanh extends Module {
  override forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/**
 * The Gaussian error linear unit (Hendrycks & Gimpel, 2016): see the function `gelu`.
 *
 * @example
 * ```ts
 * import { GELU } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * console.log([...new GELU().forward(tensor([-3, 0, 3])).values].map((value) => value.toFixed(2)).join(' '));
 * // → -0.00 0.00 3.00
 * ```
 */
export class GELU extends Module {
  readonly #options: GeluOptions;

  /**
   * @param options Those of `gelu`: the exact form by default.
   * @throws RangeError for an unknown option or form.
   */
  constructor(options: GeluOptions = {}) {
    super();
    checkOptions('GELU', options, ['approximate']);
    checkChoice('GELU: approximate', options.approximate ?? 'none', ['none', 'tanh']);
    this.#options = { ...options };
  }

  override forward(x: Tensor): Tensor {
    return gelu(x, this.#options);
  }
}

/**
 * x·σ(x), the sigmoid-weighted linear unit, also called swish (Elfwing et al., 2017).
 *
 * @example
 * ```ts
 * import { SiLU } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * console.log([...new SiLU().forward(tensor([-2, 0, 2])).values].map((value) => value.toFixed(2)).join(' '));
 * // → -0.24 0.00 1.76
 * ```
 */
export class SiLU extends Module {
  override forward(x: Tensor): Tensor {
    return silu(x);
  }
}

/**
 * x where x > 0, otherwise slope·x, with a learned slope for each channel, the last axis (He et al., 2015).
 *
 * @example
 * ```ts
 * import { PReLU } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * const layer = new PReLU(2);
 * console.log(`${layer.forward(tensor([[-4, 4], [8, -8]])).values}`);
 * // → -1,4,8,-2
 * ```
 */
export class PReLU extends Module {
  /** [channels] */
  readonly slope: Parameter;

  /**
   * @param channels The number of channels, the size of the last axis.
   * @param initial The initial slope of all channels. Default 0.25.
   * @throws RangeError if `channels` is not a whole number above 0, or `initial` not a finite number.
   */
  constructor(channels: number, initial = 0.25) {
    super();
    checkNumber('PReLU: channels', channels, wholeNumbers(1));
    checkNumber('PReLU: initial', initial, {});
    this.slope = new Parameter(full([channels], initial));
  }

  override forward(x: Tensor): Tensor {
    return prelu(x, this.slope);
  }
}

/** Options of `RPReLU`. */
export interface RPReLUOptions {
  /** Whether ζ is learned. It is useless before a batch normalization, whose β does the same. Default true. */
  zeta?: boolean;
}

/**
 * A PReLU whose corner is moved in both directions, with learned numbers for each channel: PReLU(x − γ) + ζ. γ and ζ
 * are 0 at first. It is the RPReLU of ReActNet (Liu et al., ECCV 2020).
 *
 * @example
 * ```ts
 * import { RPReLU } from '@mobinet/autograd';
 * import { assign, tensor } from '@mobinet/tensor';
 *
 * const layer = new RPReLU(1);
 * assign(layer.gamma, tensor([2])); // moves the corner from 0 to 2
 * console.log(`${layer.forward(tensor([[0], [2], [4]])).values}`);
 * // → -0.5,0,2
 * ```
 */
export class RPReLU extends PReLU {
  /** γ [channels] */
  readonly gamma: Parameter;
  /** ζ [channels]; null if it is not learned. */
  readonly zeta: Parameter | null;

  /**
   * @param channels The number of channels, the size of the last axis.
   * @throws RangeError if `channels` is not a whole number above 0, or for an unknown option.
   */
  constructor(channels: number, options: RPReLUOptions = {}) {
    checkNumber('RPReLU: channels', channels, wholeNumbers(1));
    checkOptions('RPReLU', options, ['zeta']);
    const { zeta = true } = options;
    checkChoice('RPReLU: zeta', zeta, [true, false]);
    super(channels);
    this.gamma = new Parameter(zeros([channels]));
    this.zeta = zeta ? new Parameter(zeros([channels])) : null;
  }

  override forward(x: Tensor): Tensor {
    checkTensor('RPReLU', x, 'x', ['f32']);
    const { gamma } = this;
    if (x.shape.at(-1) !== gamma.size) {
      throw new ShapeError('RPReLU', `the last axis of x must have ${gamma.size} channels`, [
        { name: 'x', shape: x.shape, note: '…, channels' },
        { name: 'gamma', shape: gamma.shape, note: gamma.label },
      ]);
    }
    return tidy(() => {
      // −γ is computed once in a compiled network, where adding it fuses with the convolution before.
      const y = super.forward(add(x, neg(gamma)));
      return this.zeta ? add(y, this.zeta) : y;
    });
  }
}
