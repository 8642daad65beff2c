import { type InterpolateOptions, interpolate, type Tensor } from '@mobinet/tensor/functions';
import { interpolateOptions } from '@mobinet/tensor/kernels';
import { Module } from '../module.js';

/**
 * Resizes images, as `interpolate` does, for example to twice their height and width.
 *
 * @example
 * ```ts
 * import { Upsample } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * const image = tensor([1, 3], { shape: [1, 1, 2, 1] });
 * console.log(`${new Upsample({ scale: [1, 2], mode: 'bilinear' }).forward(image).values}`);
 * // → 1,1.5,2.5,3
 * ```
 */
export class Upsample extends Module {
  readonly #options: InterpolateOptions;

  /**
   * @param options Those of `interpolate`.
   * @throws RangeError, ShapeError or TypeError for options that `interpolate` would refuse for every image.
   */
  constructor(options: InterpolateOptions) {
    super();
    interpolateOptions('Upsample', options);
    this.#options = { ...options };
  }

  override forward(x: Tensor): Tensor {
    return interpolate(x, this.#options);
  }
}
