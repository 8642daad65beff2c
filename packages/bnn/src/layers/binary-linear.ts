import { Module, Parameter } from '@mobinet/autograd';
import { checkRecord, checkRng, type Rng, reshape, ShapeError, type Tensor, tidy } from '@mobinet/tensor';
import { binaryConv2d } from '../binary-conv2d.js';
import type { Estimator, ScalingGradient } from '../gradient-kinds.js';
import { latentNormal } from '../initializer.js';

export interface BinaryLinearOptions {
  estimator?: Estimator;
  scalingGradient?: ScalingGradient;
  rng: Rng;
}

/** y = α · sign(x)·sign(W)ᵀ for x [batch, inputs]: a binary convolution over images of one pixel. */
export class BinaryLinear extends Module {
  /** Latent weights [outputs, inputs]. */
  readonly weight: Parameter;
  readonly options: Omit<BinaryLinearOptions, 'rng'>;

  constructor(inputs: number, outputs: number, given: BinaryLinearOptions) {
    super();
    checkRecord('BinaryLinear: options', given);
    const { rng, ...options } = given;
    checkRng('BinaryLinear', rng);
    this.weight = new Parameter(latentNormal(rng.spawn('weight'), [outputs, inputs]), { binary: true });
    this.options = options;
  }

  override forward(x: Tensor): Tensor {
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
