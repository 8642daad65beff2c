import { ShapeError, type Tensor } from '@mobinet/tensor';
import type { MoBiNetOptions } from './options.js';

// What a network and its packed model both know of their first layer. A page that runs only the latter has no layers to train.

export function checkImages(x: Tensor, { imageSize }: MoBiNetOptions): void {
  const [, height, width, channels] = x.shape;
  if (x.rank !== 4 || height !== imageSize || width !== imageSize || channels !== 3) {
    throw new ShapeError('MoBiNet', `images must be [batch, ${imageSize}, ${imageSize}, 3]`, [
      { name: 'x', shape: x.shape, note: 'batch, height, width, channels' },
    ]);
  }
}

/** Pads one pixel on every side, as PyTorch's MobileNets do. */
export function stemConvolution(stride: number) {
  return { stride, padding: 1 } as const;
}
