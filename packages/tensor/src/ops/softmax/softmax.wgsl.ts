import { memoize } from '../../backends/memoize.js';
import { groupsOf, Shader } from '../../backends/webgpu/shader.js';
import type { Tensor } from '../../tensor.js';
import { workgroupSum } from '../reduce/sum.wgsl.js';

const lanes = 64;

/** WGSL of a function that finds the largest value of a workgroup. All invocations must call it. */
const largestOfWorkgroup = `
var<workgroup> largestParts: array<f32, ${lanes}>;
fn largestOfWorkgroup(value: f32, lane: u32) -> f32 {
  workgroupBarrier();
  largestParts[lane] = value;
  for (var step = ${lanes / 2}u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (lane < step) { largestParts[lane] = max(largestParts[lane], largestParts[lane + step]); }
  }
  workgroupBarrier();
  return largestParts[0];
}`;

/**
 * WGSL of the functions that `lineSums` calls, for the declarations of a shader.
 *
 * @example
 * ```ts
 * import { softmaxDeclarations } from '@mobinet/tensor/kernels';
 *
 * console.log(`${softmaxDeclarations.match(/fn \w+/g)}`);
 * // → fn largestOfWorkgroup,fn sumOfWorkgroup
 * ```
 */
export const softmaxDeclarations = `${largestOfWorkgroup}
${workgroupSum('f32', lanes)}`;

/**
 * The size of the workgroup that `lineSums` needs.
 *
 * @example
 * ```ts
 * import { softmaxWorkgroup } from '@mobinet/tensor/kernels';
 *
 * console.log(`${softmaxWorkgroup}`);
 * // → 64,1
 * ```
 */
export const softmaxWorkgroup = [lanes, 1] as const;
/**
 * The distance between the elements that an invocation reads: the number of invocations in the workgroup.
 *
 * @example
 * ```ts
 * import { softmaxStep } from '@mobinet/tensor/kernels';
 *
 * console.log(softmaxStep); // a literal of WGSL
 * // → 64u
 * ```
 */
export const softmaxStep = `${lanes}u`;

/**
 * WGSL for a workgroup that reads a line of `p.length` elements. It computes their maximum, `shift`, and the sum of all
 * e^(x − shift), `total`.
 *
 * @param at The index in `x` of element `k` of the line.
 *
 * @example
 * ```ts
 * import { lineSums } from '@mobinet/tensor/kernels';
 *
 * const code = lineSums('i * p.length + k');
 * console.log(code.includes('exp(x[i * p.length + k] - shift)'));
 * // → true
 * ```
 */
export const lineSums = (at: string): string => `
  var maximum = -3.4e38;
  for (var k = lane; k < p.length; k += ${lanes}u) { maximum = max(maximum, x[${at}]); }
  let shift = largestOfWorkgroup(maximum, lane);
  var sum = 0.0;
  for (var k = lane; k < p.length; k += ${lanes}u) { sum += exp(x[${at}] - shift); }
  let total = sumOfWorkgroup(sum, lane);`;

/** `softmax` and `logSoftmax` on a GPU: a workgroup for each line along the axis, whose elements are `stride` apart. */
export function softmaxOnGpu(op: 'softmax' | 'logSoftmax', x: Tensor, y: Tensor, length: number, stride: number): void {
  const lines = x.size / length;
  softmaxShader(op).run({ x }, { y }, { lines, length, stride }, groupsOf(lines, 1));
}

const softmaxShader = memoize(
  (op: 'softmax' | 'logSoftmax') =>
    new Shader(op, {
      reads: { x: 'f32' },
      writes: { y: 'f32' },
      parameters: { lines: 'u32', length: 'u32', stride: 'u32' },
      workgroup: softmaxWorkgroup,
      declarations: softmaxDeclarations,
      main: `
  let line = group.y * groups.x + group.x;
  if (line >= p.lines) { return; }
  let start = (line / p.stride) * p.stride * p.length + line % p.stride;
  ${lineSums('start + k * p.stride')}
  for (var k = lane; k < p.length; k += ${softmaxStep}) {
    let i = start + k * p.stride;
    y[i] = ${op === 'softmax' ? 'exp(x[i] - shift) / total' : 'x[i] - shift - log(total)'};
  }`,
    }),
);
