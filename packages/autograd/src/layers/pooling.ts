import { avgPool2d, maxPool2d, mean, minPool2d, type Pair, type Tensor } from '@mobinet/tensor';
import { Module } from '../module.js';

const pools = { average: avgPool2d, max: maxPool2d, min: minPool2d } as const;

export type PoolKind = keyof typeof pools;

/** Shrinks images by the average, maximum or minimum of each window (2×2 unless said otherwise). */
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

/** [batch, height, width, channels] to [batch, channels]: the mean of each channel. */
export class GlobalAveragePool2d extends Module {
  override forward(x: Tensor): Tensor {
    return mean(x, { axes: [1, 2] });
  }
}
