import { type Tensor, tidy } from '@mobinet/tensor/functions';
import {
  emptyTensor,
  flushedWgsl,
  groupsOf,
  linear,
  linearWorkgroup,
  lineSums,
  Shader,
  softmaxDeclarations,
  softmaxStep,
  softmaxWorkgroup,
  sumOnGpu,
} from '@mobinet/tensor/kernels';

/** `crossEntropy`: each workgroup computes the loss of one row, then a second kernel sums these. */
export function crossEntropyOnGpu(
  logits: Tensor,
  labels: Tensor<'i32'>,
  loss: Tensor,
  probabilities: Tensor,
  smoothing: number,
): void {
  const [rows, length] = logits.shape;
  tidy(() => {
    const losses = emptyTensor('f32', [rows], 'crossEntropy', 'webgpu');
    const numbers = { rows, length, smoothing };
    rowLosses.run({ x: logits, labels }, { losses, probabilities }, numbers, groupsOf(rows, 1));
    sumOnGpu(losses, [1], loss, rows);
  });
}

const rowLosses = new Shader('cross_entropy', {
  reads: { x: 'f32', labels: 'i32' },
  writes: { losses: 'f32', probabilities: 'f32' },
  parameters: { rows: 'u32', length: 'u32', smoothing: 'f32' },
  workgroup: softmaxWorkgroup,
  declarations: softmaxDeclarations,
  main: `
  let row = group.y * groups.x + group.x;
  if (row >= p.rows) { return; }
  let start = row * p.length;
  ${lineSums('start + k')}
  let logSum = shift + log(total);
  var laneSum = 0.0;
  for (var k = lane; k < p.length; k += ${softmaxStep}) {
    laneSum += x[start + k];
    probabilities[start + k] = exp(x[start + k] - logSum);
  }
  let sumOfLogits = sumOfWorkgroup(laneSum, lane);
  if (lane == 0u) {
    let label = labels[row];
    // A GPU cannot throw if the label is not a class, so the loss becomes NaN. WGSL rejects NaN as a constant, so it is
    // computed from lane, which is 0 here.
    let nan = bitcast<f32>(0x7fc00000u | lane);
    let labelLogit = select(nan, x[start + min(u32(label), p.length - 1u)], label >= 0 && label < i32(p.length));
    losses[row] = logSum - (1.0 - p.smoothing) * labelLogit - p.smoothing / f32(p.length) * sumOfLogits;
  }`,
});

/** `crossEntropyGradient`, one invocation per element. */
export function crossEntropyGradientOnGpu(
  [dy, probabilities, labels]: readonly [Tensor, Tensor, Tensor<'i32'>],
  dx: Tensor,
  smoothing: number,
): void {
  const [rows, length] = probabilities.shape;
  const numbers = { count: dx.size, rows, length, smoothing };
  gradient.run({ dy, probabilities, labels }, { dx }, numbers, groupsOf(dx.size));
}

const gradient = new Shader('cross_entropy_gradient', {
  reads: { dy: 'f32', probabilities: 'f32', labels: 'i32' },
  writes: { dx: 'f32' },
  parameters: { count: 'u32', rows: 'u32', length: 'u32', smoothing: 'f32' },
  workgroup: linearWorkgroup,
  main: `
  ${linear('p.count')}
  let isLabel = labels[i / p.length] == i32(i % p.length);
  let expected = p.smoothing / f32(p.length) + select(0.0, 1.0 - p.smoothing, isLabel);
  let value = dy[0] / f32(p.rows) * (probabilities[i] - expected);
  dx[i] = ${flushedWgsl('value')};`,
});
