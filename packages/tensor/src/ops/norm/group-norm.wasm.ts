import type { Tensor } from '../../tensor.js';
import { gradientOfImages, normalizeImages } from './group-norm-images.wasm.js';
import { type GroupNormAttributes, layoutOf } from './group-norm-layout.js';
import { gradientOfRows, normalizeRows } from './group-norm-rows.wasm.js';

/** `layerNorm` and `groupNorm`. */
export function groupNormByKernel(
  inputs: readonly [x: Tensor, gamma: Tensor, beta: Tensor],
  outputs: readonly [y: Tensor, means: Tensor, variances: Tensor],
  attributes: GroupNormAttributes,
): void {
  const { pixels, groups, epsilon } = attributes;
  if (pixels === 1) normalizeRows(inputs, outputs, groups, epsilon);
  else normalizeImages(inputs, outputs, attributes);
}

/** Their gradient. */
export function groupNormGradientByKernel(
  inputs: readonly [dy: Tensor, x: Tensor, gamma: Tensor, means: Tensor, variances: Tensor],
  outputs: readonly [dx: Tensor, dgamma: Tensor, dbeta: Tensor],
  attributes: GroupNormAttributes,
): void {
  const { pixels, groups, epsilon } = attributes;
  const [, x, gamma] = inputs;
  const [images] = layoutOf(x, gamma, attributes);
  if (pixels === 1) gradientOfRows(inputs, outputs, images, groups, epsilon);
  else gradientOfImages(inputs, outputs, images, attributes);
}
