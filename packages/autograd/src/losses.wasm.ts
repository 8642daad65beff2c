import { mean, type Tensor, tidy } from '@mobinet/tensor/functions';
import { ElementwiseKernel, f32, f32x4, flushed, flushedLanes, softmaxRows } from '@mobinet/tensor/kernels';

/** `crossEntropy`. The softmax of each row also yields the row's log-sum-exp, from which the loss is computed. */
export function crossEntropyByKernel(
  logits: Tensor,
  { values: labels }: Tensor<'i32'>,
  { values: loss }: Tensor,
  probabilities: Tensor,
  smoothing: number,
): void {
  const [batch, classes] = logits.shape;
  const logSums = softmaxRows(logits, probabilities);
  const values = logits.values;
  const means = smoothing > 0 ? tidy(() => mean(logits, { axes: 1 }).values.slice()) : null;
  let total = 0;
  for (let n = 0; n < batch; n++) {
    total += logSums[n] - (1 - smoothing) * values[n * classes + labels[n]] - smoothing * (means ? means[n] : 0);
  }
  loss[0] = total / batch;
}

/** `crossEntropyGradient`: one pass as if no class were the label, then a correction of one element per row. */
export function crossEntropyGradientByKernel(
  [{ values: dy }, probabilities, { values: labels }]: readonly [Tensor, Tensor, Tensor<'i32'>],
  dx: Tensor,
  smoothing: number,
): void {
  const [batch, classes] = probabilities.shape;
  const scale = dy[0] / batch;
  shiftAndScale.run([probabilities], dx, { shift: smoothing / classes, scale });
  const { values } = dx;
  for (let n = 0; n < batch; n++) {
    const labelAt = n * classes + labels[n];
    values[labelAt] = flushed(values[labelAt] - scale * (1 - smoothing));
  }
}

const shiftAndScale = new ElementwiseKernel(
  'shift_and_scale',
  1,
  ([x], { shift, scale }) => flushedLanes(x.sub(f32x4.splat(shift)).mul(f32x4.splat(scale))),
  { shift: f32, scale: f32 },
);
