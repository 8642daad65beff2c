import type { Tensor } from '@mobinet/tensor';
import { groupsOf, Shader, shaderFamily, shareMemory, workgroupSum } from '@mobinet/tensor/kernels';
import type { ScalingGradient } from './gradient-kinds.js';

/** Invocations for each filter. */
const lanes = 64;

/** The first line of a kernel that has a workgroup for each filter, and how its invocations share the weights. */
const filterOfGroup = `
  let one = group.y * groups.x + group.x;
  if (one >= p.filters) { return; }
  let first = one * p.n;`;
const forEachWeight = `for (var i = first + lane; i < first + p.n; i += ${lanes}u)`;

/** Mean |W| of each filter. */
export function scalesOnGpu(weight: Tensor, scale: Tensor): void {
  const filters = scale.size;
  scaleShader.run({ weight }, { scale }, { filters, n: weight.size / filters }, groupsOf(filters, 1));
}

const scaleShader = new Shader('binary_scale', {
  reads: { weight: 'f32' },
  writes: { scale: 'f32' },
  parameters: { filters: 'u32', n: 'u32' },
  workgroup: [lanes, 1],
  declarations: workgroupSum('f32', lanes),
  main: `${filterOfGroup}
  var sum = 0.0;
  ${forEachWeight} { sum += abs(weight[i]); }
  let total = sumOfWorkgroup(sum, lane);
  if (lane == 0u) { scale[one] = total / f32(p.n); }`,
});

/** `weightGradient`; dw may be the gradient. */
export function weightGradientOnGpu(
  mode: ScalingGradient,
  gradient: Tensor,
  weight: Tensor,
  scale: Tensor,
  dw: Tensor,
): void {
  const filters = scale.size;
  const numbers = { filters, n: weight.size / filters };
  const isInPlace = shareMemory(gradient, dw);
  const reads = isInPlace ? { weight, scale } : { weight, scale, gradient };
  weightGradientShader(mode, isInPlace).run(reads, { dw }, numbers, groupsOf(filters, 1));
}

/** What becomes of the first term, by mode; see `defineWeightGradient`. */
const throughScale: Record<ScalingGradient, string> = {
  full: 'select(select(alignment, -alignment, w < 0.0), 0.0, w == 0.0) / f32(p.n)',
  'xnor-net': 'g / f32(p.n)',
  detached: '0.0',
};

const alignment = (gradient: string): string => `
  var sum = 0.0;
  ${forEachWeight} {
    let g = ${gradient}[i];
    sum += select(g, -g, weight[i] < 0.0);
  }
  let alignment = sumOfWorkgroup(sum, lane);`;

/** In place, each invocation writes over what it alone has read, once the sum of all is known. */
const weightGradientShader = shaderFamily((mode: ScalingGradient, isInPlace: boolean) => {
  const gradient = isInPlace ? 'dw' : 'gradient';
  const reads: Record<string, 'f32'> = { weight: 'f32', scale: 'f32' };
  if (!isInPlace) reads.gradient = 'f32';
  return new Shader(`binary_weight_gradient_${mode}${isInPlace ? '_in_place' : ''}`, {
    reads,
    writes: { dw: 'f32' },
    parameters: { filters: 'u32', n: 'u32' },
    workgroup: [lanes, 1],
    declarations: mode === 'full' ? workgroupSum('f32', lanes) : '',
    main: `${filterOfGroup}
  let alpha = scale[one];
  ${mode === 'full' ? alignment(gradient) : ''}
  ${forEachWeight} {
    let w = weight[i];
    let g = ${gradient}[i];
    dw[i] = ${throughScale[mode]} + select(0.0, alpha * g, abs(w) <= 1.0);
  }`,
  });
});
