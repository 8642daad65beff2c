import { avgPool2d, maxPool2d, mean, minPool2d, type Pair, type Tensor } from '@mobinet/tensor';
import { Module } from '../module.js';

const pools = { average: avgPool2d, max: maxPool2d, min: minPool2d } as const;

/** The statistic that `Pool2d` computes of each window. */
export type PoolKind = keyof typeof pools;

/**
 * Replaces each window of an image [batch, height, width, channels] by its average, maximum or minimum. Default window:
 * 2×2.
 */
export class Pool2d extends Module {
  constructor(
    readonly kind: PoolKind,
    readonly window: Pair = 2,
  ) {
    super();
  }

  override forward(x: Tensor): Tensor {
    return pools[this.kind](x, { window: this.window });
  }
}

/** The mean of each channel: [batch, height, width, channels] to [batch, channels]. */
export class GlobalAveragePool2d extends Module {
  override forward(x: Tensor): Tensor {
    return mean(x, { axes: [1, 2] });
  }
}
