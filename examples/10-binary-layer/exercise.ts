import type { Tensor } from '@mobinet/tensor';
import { todo } from '../lib/todo.js';

/**
 * Exercise 1: the gradient of a filter's latent weights as XNOR-Net computes it, which neglects that W_i also changes
 * the other Ŵ_j: of equation (4), it keeps only the term with j = i.
 *
 * @param filter W, of one filter.
 * @param gradient ∂L/∂Ŵ.
 */
export function xnorNetGradient(filter: readonly number[], gradient: readonly number[]): number[] {
  return todo('write equation (4) with the term j = i alone');
}

/**
 * Exercise 2: approximates a filter by two rows of signs, W ≈ α₁B₁ + α₂B₂: the first as in equation (3), and the second
 * in the same way from what the first leaves over.
 */
export function twoBases(filter: readonly number[]): { readonly alpha: number; readonly signs: number[] }[] {
  return todo('apply equation (3) to the filter, then to the difference');
}

/**
 * Exercise 3: ∂L/∂x of a binary linear layer with the estimator `approx`, for one input.
 *
 * @param x The inputs, before their signs are taken.
 * @param filters The latent weights, a row for each output.
 * @param dy ∂L/∂y, a number for each output.
 */
export function inputGradient(
  x: readonly number[],
  filters: readonly (readonly number[])[],
  dy: readonly number[],
): number[] {
  return todo('sum over the outputs what each passes back, and multiply by the slope of the estimator');
}

/**
 * Exercise 4: the counts of a convolution of signs whose image is padded by one pixel on each side. Products with pixels
 * outside of the image are 0.
 *
 * @param x An image [1, height, width, channels].
 * @param weight Filters [filters, 3, 3, channels].
 * @returns [height, width, filters]
 */
export function zeroPaddedCounts(x: Tensor, weight: Tensor): number[] {
  return todo('count the products within the image, and the differing ones among them');
}
