import type { Tensor } from '@mobinet/tensor/functions';
import { groupsOf, linear, linearWorkgroup, Shader } from '@mobinet/tensor/kernels';

/** `labelTargets` on a GPU, an invocation for each target. A label out of range makes its row NaN. */
export function labelTargetsOnGpu(
  [labels, weight]: readonly [Tensor<'i32'>, Tensor],
  [targets, weights]: readonly [Tensor, Tensor],
  smoothing: number,
  ignoreIndex: number | undefined,
): void {
  const [rows, classes] = targets.shape;
  if (rows * classes === 0) return;
  const numbers = {
    count: rows * classes,
    classes,
    spread: smoothing / classes,
    peak: 1 - smoothing,
    ignores: ignoreIndex === undefined ? 0 : 1,
    ignored: ignoreIndex ?? 0,
  };
  shader.run({ labels, weight }, { targets, weights }, numbers, groupsOf(rows * classes));
}

const shader = new Shader('label_targets', {
  reads: { labels: 'i32', weight: 'f32' },
  writes: { targets: 'f32', weights: 'f32' },
  parameters: {
    count: 'u32',
    classes: 'u32',
    spread: 'f32',
    peak: 'f32',
    ignores: 'u32',
    ignored: 'i32',
  },
  workgroup: linearWorkgroup,
  main: `
  ${linear('p.count')}
  let row = i / p.classes;
  let c = i % p.classes;
  let label = labels[row];
  let isIgnored = p.ignores != 0u && label == p.ignored;
  let isInside = label >= 0 && u32(label) < p.classes;
  let place = select(0u, u32(label), isInside);
  // WGSL rejects NaN as a constant, so it is computed from c.
  let nan = bitcast<f32>(0x7fc00000u | c);
  let smoothed = p.spread + select(0.0, p.peak, c == place);
  targets[i] = select(select(nan, weight[c] * smoothed, isInside), 0.0, isIgnored);
  if (c == 0u) {
    weights[row] = select(select(nan, weight[place], isInside), 0.0, isIgnored);
  }`,
});
