import { Module, Parameter } from '@mobinet/autograd';
import {
  checkNumber,
  checkOptions,
  checkRng,
  checkTensor,
  type Rng,
  reshape,
  ShapeError,
  type Tensor,
  tidy,
  wholeNumbers,
} from '@mobinet/tensor/functions';
import { binaryConv2d } from '../binary-conv2d.js';
import { checkEstimator, checkScalingGradient, type Estimator, type ScalingGradient } from '../gradient-kinds.js';
import { latentNormal } from '../initializer.js';

/** Options of the layer `BinaryLinear`. */
export interface BinaryLinearOptions {
  /** The straight-through estimator of the activations. Default `'approx'`. */
  estimator?: Estimator;
  /** How the gradient of the weights treats α. Default `'full'`. */
  scalingGradient?: ScalingGradient;
  /** The source of the initial latent weights (`latentNormal`). */
  rng: Rng;
}

/**
 * y = α · sign(x)·sign(W)ᵀ, from [batch, inputs] to [batch, outputs], computed as a binary convolution over images of
 * one pixel.
 *
 * @example
 * ```ts
 * import { BinaryLinear } from '@mobinet/bnn';
 * import { assign, Rng, tensor } from '@mobinet/tensor';
 *
 * const layer = new BinaryLinear(3, 1, { rng: Rng.fromSeed(0) });
 * assign(layer.weight, tensor([[0.5, -0.5, 0.5]])); // α = 0.5
 * console.log(`${layer.forward(tensor([[1, -2, 3], [-1, 2, -3]])).values}`);
 * // → 1.5,-1.5
 * ```
 */
export class BinaryLinear extends Module {
  /** Latent weights [outputs, inputs]. */
  readonly weight: Parameter;
  /** The estimator and the treatment of α, if they were given. */
  readonly options: Omit<BinaryLinearOptions, 'rng'>;

  /**
   * @param inputs The number of columns of x.
   * @param outputs The number of columns of y.
   * @throws RangeError if a size is not a whole number above 0, or for an unknown option or choice; TypeError without an
   *   `rng`.
   */
  constructor(inputs: number, outputs: number, given: BinaryLinearOptions) {
    super();
    checkOptions('BinaryLinear', given, ['estimator', 'scalingGradient', 'rng']);
    const { rng, ...options } = given;
    checkRng('BinaryLinear', rng);
    checkNumber('BinaryLinear: inputs', inputs, wholeNumbers(1));
    checkNumber('BinaryLinear: outputs', outputs, wholeNumbers(1));
    if (options.estimator !== undefined) checkEstimator('BinaryLinear', options.estimator);
    if (options.scalingGradient !== undefined) checkScalingGradient('BinaryLinear', options.scalingGradient);
    this.weight = new Parameter(latentNormal(rng.spawn('weight'), [outputs, inputs]), { binary: true });
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
    checkTensor('BinaryLinear', x, 'x', ['f32']);
    const [outputs, inputs] = this.weight.shape;
    if (x.rank !== 2 || x.shape[1] !== inputs) {
      throw new ShapeError('BinaryLinear', `x must be [batch, ${inputs}]`, [
        { name: 'x', shape: x.shape, note: 'batch, inputs' },
        { name: 'weight', shape: this.weight.shape, note: this.weight.label ?? 'outputs, inputs' },
      ]);
    }
    return tidy(() => {
      const pixels = reshape(x, [-1, 1, 1, inputs]);
      const filters = reshape(this.weight, [outputs, 1, 1, inputs]);
      return reshape(binaryConv2d(pixels, filters, this.options), [-1, outputs]);
    });
  }
}
