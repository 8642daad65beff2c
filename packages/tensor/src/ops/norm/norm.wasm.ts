import { flushedLanes } from '../flush.wasm.js';
import { ChannelKernel, ColumnSums } from '../rows.wasm.js';

/** Not `addMul`: product and sum are rounded each, on every machine. */
export const affineKernel = new ChannelKernel('affine', 1, 2, ([x], [scale, shift]) => x.mul(scale).add(shift));

/** Σ (x − k) and Σ (x − k)² for a vector k. */
export const momentSums = new ColumnSums('moments', 1, 1, 2, ([x], [k]) => {
  const distance = x.sub(k);
  return [distance, distance.mul(distance)];
});

/** What is subtracted comes first: the difference of near numbers is exact. */
export const normalizeKernel = new ChannelKernel('batch_norm', 1, 3, ([x], [mean, factor, beta]) =>
  beta.addMul(x.sub(mean), factor),
);

/** Σ dy and Σ dy·(x − μ). */
export const batchNormGradientSums = new ColumnSums('batch_norm_gradient', 2, 1, 2, ([dy, x], [mean]) => [
  dy,
  dy.mul(x.sub(mean)),
]);

export const batchNormGradientKernel = new ChannelKernel(
  'batch_norm_gradient',
  2,
  4,
  ([dy, x], [mean, factor, slope, offset]) => flushedLanes(offset.addMul(x.sub(mean), slope).addMul(dy, factor)),
);
