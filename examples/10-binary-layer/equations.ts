import type { Tensor } from '@mobinet/tensor';

/** Equation (1): one bit of a number. */
export function sign(value: number): number {
  return value < 0 ? -1 : 1;
}

/** Equation (2), backwards: the slope of `approx`, which stands for the derivative of sign. */
export function approxSlope(value: number): number {
  return Math.abs(value) <= 1 ? 2 - 2 * Math.abs(value) : 0;
}

/** Equation (3), what is minimized: ‖W − αB‖² of a filter. */
export function squaredError(filter: readonly number[], alpha: number, signs: readonly number[]): number {
  return filter.reduce((sum, weight, i) => sum + (weight - alpha * signs[i]) ** 2, 0);
}

/** Equation (3), solved for α. With B = sign(W), W·B is the sum of |W|, and the best α is their mean. */
export function bestAlpha(filter: readonly number[], signs: readonly number[] = filter.map(sign)): number {
  return filter.reduce((sum, weight, i) => sum + weight * signs[i], 0) / filter.length;
}

/** Equation (4): ∂L/∂W_i = Σ_j ∂L/∂Ŵ_j · ∂Ŵ_j/∂W_i, over the weights of a filter. */
export function latentGradient(filter: readonly number[], gradient: readonly number[]): number[] {
  return filter.map((_, i) => gradient.reduce((sum, g, j) => sum + g * derivative(filter, i, j), 0));
}

/** Equation (5): ∂Ŵ_j/∂W_i, where Ŵ = α·sign(W), by the product rule and the slope of `clip`. */
export function derivative(filter: readonly number[], i: number, j: number): number {
  const throughAlpha = (sign(filter[i]) / filter.length) * sign(filter[j]);
  const throughSign = i === j && Math.abs(filter[i]) <= 1 ? bestAlpha(filter) : 0;
  return throughAlpha + throughSign;
}

/**
 * Equation (6) for signs: in each of the groups, the filters of the group see the channels of the group alone.
 *
 * @param x An image [1, height, width, channels].
 * @param weight Filters [filters, size, size, channels / groups].
 * @returns The counts n − 2·d [height − size + 1, width − size + 1, filters], where d of n signs differ.
 */
export function groupedCounts(x: Tensor, weight: Tensor, groups: number): number[] {
  const [, height, width, channels] = x.shape;
  const [filters, size, , groupChannels] = weight.shape;
  const counts: number[] = [];
  for (let row = 0; row <= height - size; row++)
    for (let column = 0; column <= width - size; column++)
      for (let filter = 0; filter < filters; filter++) {
        const group = Math.floor(filter / (filters / groups));
        let differing = 0;
        for (let i = 0; i < size; i++)
          for (let j = 0; j < size; j++)
            for (let c = 0; c < groupChannels; c++) {
              const pixel = ((row + i) * width + column + j) * channels + group * groupChannels + c;
              const tap = ((filter * size + i) * size + j) * groupChannels + c;
              if (sign(x.values[pixel]) !== sign(weight.values[tap])) differing++;
            }
        counts.push(size * size * groupChannels - 2 * differing);
      }
  return counts;
}
