import { resizeShorterSide, shorterSideTo } from './resize.js';
import type { Image } from './source.js';

/** How an image is scaled. */
export interface ScalingOptions {
  /** The shorter side that images are scaled to. */
  readonly side: number;
  /** Whether to refuse images that are not `side` × `side` instead. */
  readonly exactSize: boolean;
  readonly pixelLimit: number;
}

/**
 * Scales an image so that its shorter side is `side`.
 * @returns `image` itself if it has this size already.
 * @throws Error saying why it cannot be scaled.
 */
export function scaleImage(image: Image, { side, exactSize, pixelLimit }: ScalingOptions): Image {
  if (exactSize && (image.height !== side || image.width !== side)) {
    throw new Error(`it has ${image.width} × ${image.height} pixels, not the required ${side} × ${side}`);
  }
  const [height, width] = shorterSideTo(side, image.height, image.width);
  if (height * width > pixelLimit)
    throw new Error(`scaled to ${width} × ${height}, it would exceed the limit of ${pixelLimit} pixels`);
  return resizeShorterSide(image, side);
}
