import { createRequire } from 'node:module';

// The former way to decode and scale images, kept for comparison: get-pixels, then a filter in loops over doubles.

interface Image {
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
}

interface Pixels {
  readonly data: Uint8Array;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly offset: number;
}

type GetPixels = (data: Buffer, mimeType: string, callback: (error: unknown, pixels: Pixels) => void) => void;
const getPixels: GetPixels = createRequire(import.meta.url)('get-pixels');

export function formerDecodeJpeg(bytes: Buffer): Promise<Image> {
  return new Promise((resolve, reject) => {
    getPixels(bytes, 'image/jpeg', (error, pixels) => (error ? reject(error) : resolve(toRgb(pixels))));
  });
}

function toRgb({ data, shape, stride, offset }: Pixels): Image {
  const [width, height] = shape.slice(-3);
  const [columnStride, rowStride, channelStride] = stride.slice(-3);
  const pixels = new Uint8Array(height * width * 3);
  let at = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at += 3) {
      const from = offset + row * rowStride + column * columnStride;
      pixels[at] = data[from];
      pixels[at + 1] = data[from + channelStride];
      pixels[at + 2] = data[from + 2 * channelStride];
    }
  }
  return { height, width, pixels };
}

export function formerResize(image: Image, height: number, width: number): Image {
  const wide = resizeRows(image.pixels, image.height, image.width, triangleFilter(image.width, width));
  const pixels = resizeColumns(wide, width, triangleFilter(image.height, height));
  return { height, width, pixels };
}

/** A filter along one axis: output[i] = Σ_k weights[i · taps + k] · input[first[i] + k]. */
interface Filter {
  readonly first: Int32Array;
  readonly taps: number;
  readonly weights: Float64Array;
}

/** Triangle filters along an axis. The weights of an output sum to 1, even where the edge cuts off its triangle. */
function triangleFilter(input: number, output: number): Filter {
  const scale = input / output;
  const radius = Math.max(1, scale);
  const taps = Math.min(input, Math.ceil(2 * radius) + 1);
  const first = new Int32Array(output);
  const weights = new Float64Array(output * taps);
  for (let i = 0; i < output; i++) {
    // Pixel k covers [k, k + 1) of its axis, so its center lies at k + ½.
    const center = (i + 0.5) * scale;
    first[i] = Math.max(0, Math.min(input - taps, Math.floor(center - radius)));
    let sum = 0;
    for (let k = 0; k < taps; k++) {
      const distance = Math.abs(first[i] + k + 0.5 - center) / radius;
      const weight = Math.max(0, 1 - distance);
      weights[i * taps + k] = weight;
      sum += weight;
    }
    for (let k = 0; k < taps; k++) weights[i * taps + k] /= sum;
  }
  return { first, taps, weights };
}

/** From u8 [height, width, 3] to f32 [height, first.length, 3]. */
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

/** From f32 [height, width, 3] to u8 [first.length, width, 3], rounded. */
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
    // Storing truncates, so the ½ in every sum makes it round. Averages of bytes stay within 0 … 255.
    result.set(sums, i * rowSize);
  }
  return result;
}
