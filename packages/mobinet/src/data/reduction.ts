import { resize, shorterSideTo } from './resize.js';
import type { Image } from './source.js';

type Size = Pick<Image, 'height' | 'width'>;

/** How libvips reduces an image while it decodes it, and our own filter then scales it. */
export interface Reduction {
  /** The size of the reduced image. */
  readonly reduced: Size;
  /**
   * The size of the whole image in pixels of the reduced one, a fraction. It is larger if the reduced image lacks the
   * last rows and columns.
   */
  readonly whole: Size;
  /** The requested size. */
  readonly scaled: Size;
}

/**
 * An image is reduced by the largest of these factors that leaves twice the requested size. libjpeg decodes JPEGs at
 * 1/8, 1/4 or 1/2 of their size for little more than the time that reading their codes takes, and libvips, which does
 * the rest of the reduction, has it do so from these factors on.
 */
const factors = [
  { factor: 9, ofJpeg: 8 },
  { factor: 5, ofJpeg: 4 },
  { factor: 3, ofJpeg: 2 },
] as const;

/**
 * Returns how an image that is to be scaled to a shorter side of `side` pixels is reduced, or null if it is not at least
 * six times larger. From twice the requested size, where Pillow's `thumbnail` stops reducing, too, our own filter makes
 * nearly the same as from all pixels.
 *
 * @param isJpeg Whether libjpeg may decode the image at a reduced size.
 */
export function reductionFor(image: Size, side: number, isJpeg: boolean): Reduction | null {
  const found = factors.find(({ factor }) => Math.floor(Math.min(image.height, image.width) / factor) >= 2 * side);
  if (!found) return null;
  const reduce = (length: number): number => Math.floor(length / found.factor);
  const wholeIn = (length: number): number => {
    // libvips drops the remainder of libjpeg's reduction, so the reduced image shows this many pixels.
    const shown = isJpeg ? length - (length % found.ofJpeg) : length;
    return (reduce(length) * length) / shown;
  };
  const [height, width] = shorterSideTo(side, image.height, image.width);
  return {
    reduced: { height: reduce(image.height), width: reduce(image.width) },
    whole: { height: wholeIn(image.height), width: wholeIn(image.width) },
    scaled: { height, width },
  };
}

/** Scales a reduced image to the requested size. */
export const scaleReduced = (image: Image, { scaled, whole }: Reduction): Image =>
  resize(image, scaled.height, scaled.width, whole);
