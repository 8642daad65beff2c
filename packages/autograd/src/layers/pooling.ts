import {
  avgPool2d,
  checkChoice,
  checkTensor,
  maxPool2d,
  mean,
  minPool2d,
  type Pair,
  ShapeError,
  type Tensor,
} from '@mobinet/tensor/functions';
import { checkWindow } from '@mobinet/tensor/kernels';
import { Module } from '../module.js';

const pools = { average: avgPool2d, max: maxPool2d, min: minPool2d } as const;

/** The statistic that `Pool2d` computes of each window. */
export type PoolKind = keyof typeof pools;

/**
 * Replaces each window of an image [batch, height, width, channels] by its average, maximum or minimum. Windows do not
 * overlap, so the result is [batch, ⌊height / window⌋, ⌊width / window⌋, channels].
 *
 * @example
 * ```ts
 * import { Pool2d } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * const image = tensor([1, 2, 3, 6], { shape: [1, 2, 2, 1] });
 * console.log(`${new Pool2d('average').forward(image).values}, ${new Pool2d('max').forward(image).values}`);
 * // → 3, 6
 * ```
 */
export class Pool2d extends Module {
  /**
   * @param kind The statistic of a window.
   * @param window Its [height, width] in pixels, or one number for both. Default 2.
   * @throws RangeError for an unknown statistic; ShapeError if the window is not made of whole numbers above 0.
   */
  constructor(
    readonly kind: PoolKind,
    readonly window: Pair = 2,
  ) {
    super();
    checkChoice('Pool2d: kind', kind, Object.keys(pools));
    checkWindow('Pool2d', window, {});
  }

  override forward(x: Tensor): Tensor {
    return pools[this.kind](x, { window: this.window });
  }
}

/**
 * The mean of each channel over all pixels: [batch, height, width, channels] to [batch, channels].
 *
 * @example
 * ```ts
 * import { GlobalAveragePool2d } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * const image = tensor([[1, 10], [3, 30]], { dtype: 'f32' }).reshape([1, 1, 2, 2]);
 * console.log(`${new GlobalAveragePool2d().forward(image).values}`);
 * // → 2,20
 * ```
 */
export class GlobalAveragePool2d extends Module {
  override forward(x: Tensor): Tensor {
    checkTensor('GlobalAveragePool2d', x, 'x', ['f32']);
    if (x.rank !== 4) {
      const operand = { name: 'x', shape: x.shape, note: 'batch, height, width, channels' };
      throw new ShapeError('GlobalAveragePool2d', 'x must have 4 axes', [operand]);
    }
    return mean(x, { axes: [1, 2] });
  }
}
