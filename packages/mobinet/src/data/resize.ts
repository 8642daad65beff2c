import type { Image } from './source.js';

/**
 * Scales an image so that its shorter side has `side` pixels; the longer keeps the proportion, rounded down
 * (as torchvision's `Resize` does).
 */
export function resizeShorterSide(image: Image, side: number): Image {
  const [height, width] = shorterSideTo(side, image.height, image.width);
  return resize(image, height, width);
}

/** The height and width of an image once its shorter side is `side`. */
export function shorterSideTo(side: number, height: number, width: number): [height: number, width: number] {
  return height < width ? [side, Math.floor((side * width) / height)] : [Math.floor((side * height) / width), side];
}

/**
 * Bilinear scaling, antialiased: the filter of Pillow and torchvision.
 *
 * A new pixel is a weighted mean of the old ones near the place that it covers. The weights fall off linearly, as a
 * triangle, over one old pixel to either side when an image grows (plain bilinear interpolation), and over one new
 * pixel when it shrinks, so that every old pixel counts and fine patterns do not alias. The filter is separable: first
 * along the rows, then along the columns.
 *
 * @param image u8 [image.height, image.width, 3].
 * @returns u8 [height, width, 3]; `image` itself if it has this size already.
 */
export function resize(image: Image, height: number, width: number): Image {
  if (image.height === height && image.width === width) return image;
  const wide = resizeRows(image.pixels, image.height, image.width, triangleFilter(image.width, width));
  const pixels = resizeColumns(wide, width, triangleFilter(image.height, height));
  return { height, width, pixels };
}

/** How each output element is made along one axis: Σ_k weights[i · taps + k] · input[first[i] + k]. */
interface Filter {
  readonly first: Int32Array;
  readonly taps: number;
  readonly weights: Float64Array;
}

/** Places triangles along an axis. Weights of one output sum to 1, also where the edge cuts its triangle off. */
export function triangleFilter(input: number, output: number): Filter {
  const scale = input / output;
  const radius = Math.max(1, scale);
  const taps = Math.min(input, Math.ceil(2 * radius) + 1);
  const first = new Int32Array(output);
  const weights = new Float64Array(output * taps);
  for (let i = 0; i < output; i++) {
    // Pixel k covers [k, k + 1) of its axis, so its centre lies at k + ½.
    const centre = (i + 0.5) * scale;
    first[i] = Math.max(0, Math.min(input - taps, Math.floor(centre - radius)));
    let sum = 0;
    for (let k = 0; k < taps; k++) {
      const distance = Math.abs(first[i] + k + 0.5 - centre) / radius;
      const weight = Math.max(0, 1 - distance);
      weights[i * taps + k] = weight;
      sum += weight;
    }
    for (let k = 0; k < taps; k++) weights[i * taps + k] /= sum;
  }
  return { first, taps, weights };
}

/** u8 [height, width, 3] to f32 [height, first.length, 3]. */
function resizeRows(pixels: Uint8Array, height: number, width: number, { first, taps, weights }: Filter): Float32Array {
  const result = new Float32Array(height * first.length * 3);
  let at = 0;
  for (let row = 0; row < height; row++) {
    for (let i = 0; i < first.length; i++, at += 3) {
      let from = (row * width + first[i]) * 3;
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let k = i * taps; k < (i + 1) * taps; k++, from += 3) {
        const weight = weights[k];
        red += weight * pixels[from];
        green += weight * pixels[from + 1];
        blue += weight * pixels[from + 2];
      }
      result[at] = red;
      result[at + 1] = green;
      result[at + 2] = blue;
    }
  }
  return result;
}

/** f32 [height, width, 3] to u8 [first.length, width, 3], rounded. */
function resizeColumns(values: Float32Array, width: number, { first, taps, weights }: Filter): Uint8Array {
  const rowSize = width * 3;
  const result = new Uint8Array(first.length * rowSize);
  const sums = new Float64Array(rowSize);
  for (let i = 0; i < first.length; i++) {
    sums.fill(0.5);
    for (let k = 0; k < taps; k++) {
      const weight = weights[i * taps + k];
      const from = (first[i] + k) * rowSize;
      for (let j = 0; j < rowSize; j++) sums[j] += weight * values[from + j];
    }
    // Storing truncates, so the ½ in every sum makes it round. Means of bytes never leave 0 … 255.
    result.set(sums, i * rowSize);
  }
  return result;
}
