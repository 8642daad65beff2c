import type { Tensor } from '@mobinet/tensor';
import { approxSlope, bestAlpha, sign } from './equations.js';

export function xnorNetGradient(filter: readonly number[], gradient: readonly number[]): number[] {
  const alpha = bestAlpha(filter);
  // For j = i, the product of the two signs in equation (5) is 1.
  return filter.map((weight, i) => gradient[i] * (1 / filter.length + (Math.abs(weight) <= 1 ? alpha : 0)));
}

export function twoBases(filter: readonly number[]): { readonly alpha: number; readonly signs: number[] }[] {
  const nearest = (filter: readonly number[]) => ({ alpha: bestAlpha(filter), signs: filter.map(sign) });
  const first = nearest(filter);
  return [first, nearest(filter.map((weight, i) => weight - first.alpha * first.signs[i]))];
}

export function inputGradient(
  x: readonly number[],
  filters: readonly (readonly number[])[],
  dy: readonly number[],
): number[] {
  return x.map((value, i) => {
    const passedBack = filters.reduce((sum, filter, o) => sum + dy[o] * bestAlpha(filter) * sign(filter[i]), 0);
    return passedBack * approxSlope(value);
  });
}

export function zeroPaddedCounts(x: Tensor, weight: Tensor): number[] {
  const [, height, width, channels] = x.shape;
  const counts: number[] = [];
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++)
      for (let filter = 0; filter < weight.shape[0]; filter++) {
        let [products, differing] = [0, 0];
        for (let i = 0; i < 3; i++)
          for (let j = 0; j < 3; j++) {
            const [y, z] = [row + i - 1, column + j - 1];
            if (y < 0 || y >= height || z < 0 || z >= width) continue;
            for (let c = 0; c < channels; c++) {
              const pixel = x.values[(y * width + z) * channels + c];
              const tap = weight.values[((filter * 3 + i) * 3 + j) * channels + c];
              products++;
              if (sign(pixel) !== sign(tap)) differing++;
            }
          }
        counts.push(products - 2 * differing);
      }
  return counts;
}
