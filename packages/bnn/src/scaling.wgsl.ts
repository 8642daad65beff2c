import type { Tensor } from '@mobinet/tensor/functions';
import { groupsOf, memoize, Shader, shareMemory, workgroupSum } from '@mobinet/tensor/kernels';
import type { ScalingGradient } from './gradient-kinds.js';

/** Invocations per filter. */
const lanes = 64;

/** The start of a shader with one workgroup per filter, and the loop by which its invocations share the weights. */
const filterOfGroup = `
  let filterIndex = group.y * groups.x + group.x;
  if (filterIndex >= p.filters) { return; }
  let first = filterIndex * p.n;`;
const forEachWeight = `for (var i = first + lane; i < first + p.n; i += ${lanes}u)`;

/** α = mean|W| of each filter. */
export function alphaOnGpu(weight: Tensor, alpha: Tensor): void {
  const filters = alpha.size;
  alphaShader.run({ weight }, { alpha }, { filters, n: weight.size / filters }, groupsOf(filters, 1));
}

const alphaShader = new Shader('binary_scale', {
  reads: { weight: 'f32' },
  writes: { alpha: 'f32' },
  parameters: { filters: 'u32', n: 'u32' },
  workgroup: [lanes, 1],
  declarations: workgroupSum('f32', lanes),
  main: `${filterOfGroup}
  var sum = 0.0;
  ${forEachWeight} { sum += abs(weight[i]); }
  let total = sumOfWorkgroup(sum, lane);
  if (lane == 0u) { alpha[filterIndex] = total / f32(p.n); }`,
});

/** `weightGradient`; `dw` may share memory with `gradient`. */
export function weightGradientOnGpu(
  mode: ScalingGradient,
  gradient: Tensor,
  weight: Tensor,
  alpha: Tensor,
  dw: Tensor,
): void {
  const filters = alpha.size;
  const numbers = { filters, n: weight.size / filters };
  const isInPlace = shareMemory(gradient, dw);
  const reads = isInPlace ? { weight, alpha } : { weight, alpha, gradient };
  weightGradientShader(mode, isInPlace).run(reads, { dw }, numbers, groupsOf(filters, 1));
}

/** The term through α in each mode; see `defineWeightGradient`. */
const throughAlpha: Record<ScalingGradient, string> = {
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

/** In place, once the sum is known, each invocation overwrites only the elements that it alone reads. */
const weightGradientShader = memoize((mode: ScalingGradient, isInPlace: boolean) => {
  const gradient = isInPlace ? 'dw' : 'gradient';
  const reads: Record<string, 'f32'> = { weight: 'f32', alpha: 'f32' };
  if (!isInPlace) reads.gradient = 'f32';
  return new Shader(`binary_weight_gradient_${mode}${isInPlace ? '_in_place' : ''}`, {
    reads,
    writes: { dw: 'f32' },
    parameters: { filters: 'u32', n: 'u32' },
    workgroup: [lanes, 1],
    declarations: mode === 'full' ? workgroupSum('f32', lanes) : '',
    main: `${filterOfGroup}
  let scale = alpha[filterIndex];
  ${mode === 'full' ? alignment(gradient) : ''}
  ${forEachWeight} {
    let w = weight[i];
    let g = ${gradient}[i];
    dw[i] = ${throughAlpha[mode]} + select(0.0, scale * g, abs(w) <= 1.0);
  }`,
  });
});
