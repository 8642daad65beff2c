import type { Image } from './source.js';

// Decoding threads load this file, so it must not import tensors, which would dominate their startup time.

/** Pixels with a fixed number of bytes each, in rows from the top. */
export interface Samples {
  /** In pixels. */
  readonly height: number;
  /** In pixels. */
  readonly width: number;
  /** The bytes of all pixels. */
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** Blends RGBA pixels onto white: see `imageFromRgba`. */
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

/** Copies gray to red, green and blue. */
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
 * Converts CMYK to RGB without a color profile: red is (255 − cyan)(255 − black) / 255, rounded, and likewise green
 * and blue. Pillow's `convert('RGB')` does the same, and so do browsers for images without a profile.
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

/** Divides a product of two bytes, or a sum of such products, by 255 and rounds. */
const dividedBy255 = (product: number): number => ((product + 127) / 255) | 0;
