import type { Tensor } from '@mobinet/tensor';
import { flushedWgsl, groupsOf, linear, linearWorkgroup, Shader } from '@mobinet/tensor/kernels';

const bopShader = new Shader('bop', {
  reads: { gradients: 'f32' },
  writes: { weights: 'f32', means: 'f32' },
  parameters: { count: 'u32', threshold: 'f32', adaptivity: 'f32', rest: 'f32' },
  workgroup: linearWorkgroup,
  main: `
  ${linear('p.count')}
  let g = gradients[i];
  let m = p.rest * means[i] + p.adaptivity * ${flushedWgsl('g')};
  let mean = ${flushedWgsl('m')};
  let isNegative = weights[i] < 0.0;
  // A mean of the weight's own sign pushes against it.
  let flips = abs(mean) > p.threshold && (mean < 0.0) == isNegative;
  means[i] = mean;
  weights[i] = select(-1.0, 1.0, isNegative == flips);`,
});

/** One parameter of a step of Bop, in place: bop.ts has the formula. */
export function bopOnGpu(
  [weights, gradients, means]: readonly Tensor[],
  numbers: { readonly threshold: number; readonly adaptivity: number; readonly rest: number },
): void {
  bopShader.run({ gradients }, { weights, means }, { ...numbers, count: weights.size }, groupsOf(weights.size));
}
