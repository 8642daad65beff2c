import { checkNumbers, checkOptionNames, checkRecord, type NumberRange, type Rng } from '@mobinet/tensor/functions';
import type { Image } from './source.js';

/**
 * How much the colors of images vary. A strength s draws a factor uniformly from [max(0, 1 − s), 1 + s] for each image;
 * 0 leaves it unchanged. These are the arguments of torchvision's `ColorJitter`, which has `hue`, too.
 */
export interface ColorJitter {
  /** The strength for brightness, from 0 to 10. A factor of 0 would give black. */
  readonly brightness: number;
  /** The strength for contrast, from 0 to 10. A factor of 0 would give the mean gray of the image. */
  readonly contrast: number;
  /** The strength for saturation, from 0 to 10. A factor of 0 would give a gray image. */
  readonly saturation: number;
}

const strength: NumberRange = { from: 0, to: 10 };

/** The ranges of the strengths. */
export const colorJitterRanges = {
  brightness: strength,
  contrast: strength,
  saturation: strength,
} as const satisfies Record<keyof ColorJitter, NumberRange>;

/**
 * Checks that a value is a `ColorJitter`.
 * @throws RangeError or TypeError, one line that names the field.
 */
export function checkColorJitter(value: unknown, name: string): asserts value is ColorJitter {
  checkRecord(name, value);
  checkOptionNames(name, value, Object.keys(colorJitterRanges));
  const { brightness, contrast, saturation } = value;
  checkNumbers(`${name}.`, { brightness, contrast, saturation }, colorJitterRanges);
}

/**
 * Changes brightness, contrast and saturation by random factors, in a random order, as torchvision does: contrast
 * depends on the mean of the image that it gets, so a fixed order would allow fewer results.
 */
export function jitterColors(image: Image, jitter: ColorJitter, rng: Rng): Image {
  const steps = (['brightness', 'contrast', 'saturation'] as const).map((name) => {
    const low = Math.max(0, 1 - jitter[name]);
    const factor = low + (1 + jitter[name] - low) * rng.float();
    return (image: Image) => (jitter[name] === 0 ? image : adjust[name](image, factor));
  });
  for (let rest = steps.length; rest > 0; rest--) {
    const [step] = steps.splice(rng.integer(rest), 1);
    image = step(image);
  }
  return image;
}

/**
 * Each blends an image with a degenerate one: factor 0 gives the degenerate image, 1 the image itself, and more than 1
 * goes beyond it. The bytes are those of Pillow's `ImageEnhance`, which torchvision calls for Pillow's images.
 */
export const adjust = {
  /** Blends with black. */
  brightness: (image: Image, factor: number): Image => mapBytes(image, blendTable(0, factor)),

  /** Blends with the mean gray of the image. */
  contrast: (image: Image, factor: number): Image => mapBytes(image, blendTable(meanGray(image), factor)),

  /** Blends each pixel with its gray. */
  saturation({ height, width, pixels }: Image, factor: number): Image {
    const result = new Uint8Array(pixels.length);
    const alpha = Math.fround(factor);
    for (let at = 0; at < pixels.length; at += 3) {
      const gray = grayOf(pixels, at);
      for (let channel = at; channel < at + 3; channel++) result[channel] = blend(gray, pixels[channel], alpha);
    }
    return { height, width, pixels: result };
  },
} as const satisfies Record<keyof ColorJitter, (image: Image, factor: number) => Image>;

/** a + alpha · (b − a) in f32, as in Pillow's Blend.c: the fraction is cut off, and the result clamped to a byte. */
function blend(a: number, b: number, alpha: number): number {
  const value = Math.fround(a + Math.fround(alpha * (b - a)));
  return value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value);
}

/** What becomes of each byte in a blend with a constant. */
const blendTable = (constant: number, factor: number): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, byte) => blend(constant, byte, Math.fround(factor)));

function mapBytes({ height, width, pixels }: Image, table: Uint8Array): Image {
  const result = new Uint8Array(pixels.length);
  for (let at = 0; at < pixels.length; at++) result[at] = table[pixels[at]];
  return { height, width, pixels: result };
}

/** The gray of a pixel: 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601), in Pillow's 16-bit fixed point. */
const grayOf = (pixels: Uint8Array, at: number): number =>
  (19595 * pixels[at] + 38470 * pixels[at + 1] + 7471 * pixels[at + 2] + 0x8000) >> 16;

function meanGray({ pixels }: Image): number {
  let sum = 0;
  for (let at = 0; at < pixels.length; at += 3) sum += grayOf(pixels, at);
  return Math.floor(sum / (pixels.length / 3) + 0.5);
}
