import type { Tensor } from '../../tensor.js';
import { flushedLanes } from '../flush.wasm.js';
import { ChannelKernel, ColumnSums, withVectors } from '../rows.wasm.js';

/** Not `addMul`: product and sum are rounded separately, on every machine. */
export const affineKernel = new ChannelKernel('affine', 1, 2, ([x], [scale, shift]) => x.mul(scale).add(shift));

/** Σ (x − k) and Σ (x − k)² for a vector k. */
const momentSums = new ColumnSums('moments', 1, 1, 2, ([x], [k]) => {
  const distance = x.sub(k);
  return [distance, distance.mul(distance)];
});

/** Subtracts the mean first, since the difference of close numbers is exact. */
const normalizeKernel = new ChannelKernel('batch_norm', 1, 3, ([x], [mean, factor, beta]) =>
  beta.addMul(x.sub(mean), factor),
);

/** `batchNorm`. */
export function batchNormByKernel(
  [x, gamma, beta]: readonly [Tensor, Tensor, Tensor],
  [y, mean, variance]: readonly [Tensor, Tensor, Tensor],
  epsilon: number,
): void {
  const [channels, count] = [gamma.size, x.size / gamma.size];
  // Σ(x − k) and Σ(x − k)² for a k near the mean, here the first row (Chan, Golub & LeVeque 1983). One pass, and unlike
  // Σx² − (Σx)²/N it does not cancel where the mean is large.
  const [sum, sumOfSquares] = momentSums.run([x], [x], count, channels);
  withVectors(channels, ['factor'], ({ factor }) => {
    for (let c = 0; c < channels; c++) {
      const mu = x.values[c] + sum[c] / count;
      const sigma2 = Math.max(0, sumOfSquares[c] / count - (sum[c] / count) ** 2);
      mean.values[c] = mu;
      variance.values[c] = sigma2;
      factor.values[c] = gamma.values[c] / Math.sqrt(sigma2 + epsilon);
    }
    normalizeKernel.run([x], [mean, factor, beta], y, count, channels);
  });
}

/** Σ dy and Σ dy·(x − μ). */
const gradientSums = new ColumnSums('batch_norm_gradient', 2, 1, 2, ([dy, x], [mean]) => [dy, dy.mul(x.sub(mean))]);

const gradientKernel = new ChannelKernel('batch_norm_gradient', 2, 4, ([dy, x], [mean, factor, slope, offset]) =>
  flushedLanes(offset.addMul(x.sub(mean), slope).addMul(dy, factor)),
);

/** `batchNormGradient`: step 4 of the derivation in batch-norm.ts, as dx = factor·dy + slope·(x − μ) + offset. */
export function batchNormGradientByKernel(
  [dy, x, gamma, mean, variance]: readonly [Tensor, Tensor, Tensor, Tensor, Tensor],
  [dx, dgamma, dbeta]: readonly [Tensor, Tensor, Tensor],
  epsilon: number,
): void {
  const [channels, count] = [gamma.size, x.size / gamma.size];
  const [sum, sumCentered] = gradientSums.run([dy, x], [mean], count, channels);
  withVectors(channels, ['factor', 'slope', 'offset'], ({ factor, slope, offset }) => {
    for (let c = 0; c < channels; c++) {
      const s = 1 / Math.sqrt(variance.values[c] + epsilon);
      dbeta.values[c] = sum[c];
      dgamma.values[c] = sumCentered[c] * s;
      factor.values[c] = s * gamma.values[c];
      slope.values[c] = (-factor.values[c] * s * s * sumCentered[c]) / count;
      offset.values[c] = (-factor.values[c] * sum[c]) / count;
    }
    gradientKernel.run([dy, x], [mean, factor, slope, offset], dx, count, channels);
  });
}
