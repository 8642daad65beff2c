/**
 * How each output element is computed along one axis: Σ_k weights[i · taps + k] · input[first[i] + k], divided by `one`
 * and rounded. The weights are integers, as in Pillow's Resample.c, so every machine gets the same bits.
 */
export interface Filter {
  readonly first: Int32Array;
  readonly taps: number;
  readonly weights: Int32Array;
}

/** The fixed-point precision of weights: 1 is 2^22. With 8-bit pixels, sums have 30 bits and stay positive. */
export const weightBits = 22;
const one = 1 << weightBits;
export const half = one >> 1;

/**
 * Places triangles along an axis. The weights of each output sum to `one`, up to rounding, even at the edges.
 *
 * @param extent How many input elements the outputs cover, perhaps a few more than there are. Default: all.
 */
export function triangleFilter(input: number, output: number, extent = input): Filter {
  const scale = extent / output;
  const radius = Math.max(1, scale);
  // Pixel k covers [k, k + 1) of its axis, so its center lies at k + ½.
  const center = (i: number): number => (i + 0.5) * scale;
  const from = Int32Array.from({ length: output }, (_, i) => Math.max(0, Math.trunc(center(i) - radius + 0.5)));
  const to = Int32Array.from({ length: output }, (_, i) => Math.min(input, Math.trunc(center(i) + radius + 0.5)));
  const taps = from.reduce((most, start, i) => Math.max(most, to[i] - start), 1);
  const weights = new Int32Array(output * taps);
  const triangle = new Float64Array(taps);
  // All outputs have the same number of taps. Taps beyond the triangle weigh 0, but must lie inside the image.
  const first = from.map((start) => Math.min(start, input - taps));
  for (let i = 0; i < output; i++) {
    const count = to[i] - from[i];
    let sum = 0;
    for (let k = 0; k < count; k++) {
      triangle[k] = Math.max(0, 1 - Math.abs((from[i] + k - center(i) + 0.5) * (1 / radius)));
      sum += triangle[k];
    }
    const start = i * taps + from[i] - first[i];
    for (let k = 0; k < count; k++) weights[start + k] = Math.trunc((triangle[k] / sum) * one + 0.5);
  }
  return { first, taps, weights };
}
