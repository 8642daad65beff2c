import type { Image } from './source.js';

// Threads that decode load this, and no tensors: that would take them longer than all else.

/** Pixels of some kind: so many bytes each, rows from the top. */
export interface Samples {
  readonly height: number;
  readonly width: number;
  readonly data: ArrayLike<number>;
}

/** Red, green, blue and alpha, on white: see `imageFromRgba`. */
export function imageOnWhite({ height, width, data }: Samples): Image {
  const pixels = new Uint8Array(3 * height * width);
  for (let from = 0, to = 0; to < pixels.length; from += 4, to += 3) {
    const alpha = data[from + 3];
    pixels[to] = onWhite(data[from], alpha);
    pixels[to + 1] = onWhite(data[from + 1], alpha);
    pixels[to + 2] = onWhite(data[from + 2], alpha);
  }
  return { height, width, pixels };
}

/** Gray is red, green and blue alike. */
export function imageFromGray({ height, width, data }: Samples): Image {
  const pixels = new Uint8Array(3 * height * width);
  for (let from = 0, to = 0; to < pixels.length; from++, to += 3) {
    pixels[to] = data[from];
    pixels[to + 1] = data[from];
    pixels[to + 2] = data[from];
  }
  return { height, width, pixels };
}

/**
 * Inks as light, without a colour profile: what cyan leaves of the red, black leaves a part of (Pillow's `convert('RGB')`, and what
 * browsers do with pictures without a profile).
 */
export function imageFromCmyk({ height, width, data }: Samples): Image {
  const pixels = new Uint8Array(3 * height * width);
  for (let from = 0, to = 0; to < pixels.length; from += 4, to += 3) {
    const light = 255 - data[from + 3];
    pixels[to] = light - dividedBy255(data[from] * light);
    pixels[to + 1] = light - dividedBy255(data[from + 1] * light);
    pixels[to + 2] = light - dividedBy255(data[from + 2] * light);
  }
  return { height, width, pixels };
}

const onWhite = (value: number, alpha: number): number =>
  alpha === 255 ? value : dividedBy255(value * alpha + 255 * (255 - alpha));

/** A product of two bytes, or a sum of such, divided by 255 and rounded. */
const dividedBy255 = (product: number): number => ((product + 127) / 255) | 0;
