import { type Rng, type Tensor, tensor } from '@mobinet/tensor';

/** Height and width of a drawn digit, in pixels. */
export const digitSize = 20;

/** The side of a dot, in pixels. */
const dotSize = 1.5;

/** The digits as 7 rows of 5 dots. */
const glyphs = [
  '01110 10001 10011 10101 11001 10001 01110',
  '00100 01100 00100 00100 00100 00100 01110',
  '01110 10001 00001 00010 00100 01000 11111',
  '11111 00010 00100 00010 00001 10001 01110',
  '00010 00110 01010 10010 11111 00010 00010',
  '11111 10000 11110 00001 00001 10001 01110',
  '00110 01000 10000 11110 10001 10001 01110',
  '11111 00001 00010 00100 01000 01000 01000',
  '01110 10001 10001 01110 10001 10001 01110',
  '01110 10001 10001 01111 00001 00010 01100',
].map((glyph) => glyph.split(' '));

/** Where and how a digit is drawn. */
export interface DigitPose {
  /** From the center of the image, in pixels: [down, right]. */
  shift?: readonly [number, number];
  /** Clockwise, in radians. */
  angle?: number;
  /** How far the digit leans to the right, as pixels per pixel of height. */
  slant?: number;
}

/** Draws a digit: [digitSize · digitSize] gray values from 0, the paper, to 1, the ink. */
export function drawDigit(digit: number, { shift = [0, 0], angle = 0, slant = 0 }: DigitPose = {}): Float32Array {
  const dot = (row: number, column: number): number => Number(glyphs[digit][row]?.[column] ?? 0);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const center = (digitSize - 1) / 2;
  return Float32Array.from({ length: digitSize ** 2 }, (_, at) => {
    // The pixel's place on the glyph, in dots: moved, turned and slanted back.
    const down = Math.floor(at / digitSize) - center - shift[0];
    const right = (at % digitSize) - center - shift[1];
    const v = cos * down - sin * right;
    const row = 3 + v / dotSize;
    const column = 2 + (cos * right + sin * down + slant * v) / dotSize;
    // Between four dots, the gray value is interpolated linearly.
    const [above, before] = [Math.floor(row), Math.floor(column)];
    const [low, late] = [row - above, column - before];
    const across = (r: number): number => (1 - late) * dot(r, before) + late * dot(r, before + 1);
    return (1 - low) * across(above) + low * across(above + 1);
  });
}

/** Options of `drawDigits`. */
export interface DigitsOptions {
  /** How far digits are moved from the center of the image, down and right, in pixels. Default: not at all. */
  shift?: (rng: Rng) => readonly [number, number];
  /** The standard deviation of the noise on each pixel. Default 0.1. */
  noise?: number;
}

/** Images, and the digits that they show. */
export interface Digits {
  /** [count, digitSize, digitSize, 1] */
  readonly images: Tensor;
  /** [count] */
  readonly labels: Tensor<'i32'>;
}

/** Draws digits 0, 1, …, 9, 0, … that are turned and slanted at random, as in handwriting, on noisy paper. */
export function drawDigits(rng: Rng, count: number, options: DigitsOptions = {}): Digits {
  const { shift = () => [0, 0], noise = 0.1 } = options;
  const labels = Int32Array.from({ length: count }, (_, index) => index % glyphs.length);
  const images = rng.split('noise').normal([count, digitSize, digitSize, 1], 0, noise);
  labels.forEach((digit, index) => {
    const own = rng.split('pose', index);
    const between = (low: number, high: number): number => low + (high - low) * own.float();
    const pose = { shift: shift(own), angle: between(-0.2, 0.2), slant: between(-0.3, 0.3) };
    const ink = between(0.6, 1);
    const start = index * digitSize ** 2;
    drawDigit(digit, pose).forEach((gray, at) => {
      images.values[start + at] += ink * gray;
    });
  });
  return { images, labels: tensor(labels) };
}
