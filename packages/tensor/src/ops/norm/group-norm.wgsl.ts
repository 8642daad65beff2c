import { groupsOf, Shader } from '../../backends/webgpu/shader.js';
import { dispose } from '../../scope.js';
import { emptyTensor, type Tensor } from '../../tensor.js';
import { ColumnSumsShader } from '../column-sums.wgsl.js';
import { MapShader } from '../elementwise/elementwise.wgsl.js';
import { workgroupSum } from '../reduce/sum.wgsl.js';
import { type GroupNormAttributes, layoutOf } from './group-norm-layout.js';

/** `layerNorm` and `groupNorm` on a GPU. */
export function groupNormOnGpu(
  [x, gamma, beta]: readonly [Tensor, Tensor, Tensor],
  [y, mean, variance]: readonly [Tensor, Tensor, Tensor],
  attributes: GroupNormAttributes,
): void {
  const { epsilon } = attributes;
  momentsOfGroupsShader.run({ x }, { mean, variance }, sizesOf(x, gamma, attributes), groupsOf(mean.size, 1));
  const { values, vectors, statistics } = shapesOf(x, gamma, attributes);
  const views = [x.alias(values), mean.alias(statistics), variance.alias(statistics)];
  const [gammaView, betaView, target] = [gamma.alias(vectors), beta.alias(vectors), y.alias(values)];
  normalizeGroupsShader.run([...views, gammaView, betaView], target, { epsilon });
  dispose([views, gammaView, betaView, target]);
}

/** Their gradient. */
export function groupNormGradientOnGpu(
  [dy, x, gamma, mean, variance]: readonly [Tensor, Tensor, Tensor, Tensor, Tensor],
  [dx, dgamma, dbeta]: readonly [Tensor, Tensor, Tensor],
  attributes: GroupNormAttributes,
): void {
  const { epsilon } = attributes;
  const sizes = sizesOf(x, gamma, attributes);
  const sums = ['sum', 'sumCentered'].map((name) => emptyTensor('f32', mean.shape, name, 'webgpu'));
  const [sum, sumCentered] = sums;
  gradientSumsOfGroupsShader.run({ dy, x, gamma, mean }, { sum, sumCentered }, sizes, groupsOf(mean.size, 1));
  const { values, vectors, statistics } = shapesOf(x, gamma, attributes);
  const views = [dy, x].map((tensor) => tensor.alias(values));
  const ofGroups = [mean, variance, sum, sumCentered].map((tensor) => tensor.alias(statistics));
  const [gammaView, target] = [gamma.alias(vectors), dx.alias(values)];
  const share = 1 / (sizes.pixels * sizes.perGroup);
  groupNormGradientShader.run([...views, gammaView, ...ofGroups], target, { epsilon, share });
  const rows = gamma.size === 0 ? 0 : x.size / gamma.size;
  const { pixels, groups, perGroup } = sizes;
  groupNormSumsShader.run(
    { dy, x, mean, variance },
    { dgamma, dbeta },
    { epsilon, pixels, groups, perGroup },
    rows,
    gamma.size,
  );
  dispose([sums, views, ofGroups, gammaView, target]);
}

function sizesOf(x: Tensor, gamma: Tensor, attributes: GroupNormAttributes) {
  const [images, pixels, groups, perGroup] = layoutOf(x, gamma, attributes);
  return { all: images * groups, pixels, groups, perGroup };
}

/** Shapes with which elements, per-channel vectors and statistics of groups broadcast. */
function shapesOf(x: Tensor, gamma: Tensor, attributes: GroupNormAttributes) {
  const [images, pixels, groups, perGroup] = layoutOf(x, gamma, attributes);
  return {
    values: [images, pixels, groups, perGroup],
    vectors: [groups, perGroup],
    statistics: [images, 1, groups, 1],
  };
}

const lanes = 64;

const sizeTypes = { all: 'u32', pixels: 'u32', groups: 'u32', perGroup: 'u32' } as const;

/** WGSL for a workgroup of a group of channels: visits its elements `at`, whose channel is `c`. */
const visitGroup = (each: string): string => `
  for (var k = lane; k < count; k += ${lanes}u) {
    let c = (i % p.groups) * p.perGroup + k % p.perGroup;
    let at = ((i / p.groups) * p.pixels + k / p.perGroup) * p.groups * p.perGroup + c;
    ${each}
  }`;

const groupOfWorkgroup = `
  let i = group.y * groups.x + group.x;
  if (i >= p.all) { return; }
  let count = p.pixels * p.perGroup;`;

/** The mean and variance of each group. Distances from an element near the mean can be summed accurately. */
const momentsOfGroupsShader = new Shader('group_moments', {
  reads: { x: 'f32' },
  writes: { mean: 'f32', variance: 'f32' },
  parameters: sizeTypes,
  workgroup: [lanes, 1],
  declarations: workgroupSum('f32', lanes),
  main: `${groupOfWorkgroup}
  let near = x[(i / p.groups) * p.pixels * p.groups * p.perGroup + (i % p.groups) * p.perGroup];
  var sum = 0.0;
  ${visitGroup('sum += x[at] - near;')}
  let center = near + sumOfWorkgroup(sum, lane) / f32(count);
  var squares = 0.0;
  ${visitGroup('squares += (x[at] - center) * (x[at] - center);')}
  let total = sumOfWorkgroup(squares, lane);
  if (lane == 0u) {
    mean[i] = center;
    variance[i] = total / f32(count);
  }`,
});

const normalizeGroupsShader = new MapShader({
  name: 'groupNorm',
  operands: ['x', 'mean', 'variance', 'gamma', 'beta'],
  numbers: ['epsilon'],
  wgsl: '(x - mean) / sqrt(variance + p.epsilon) * gamma + beta',
});

/** Σ γ·dy and Σ γ·dy·(x − μ) of each group. */
const gradientSumsOfGroupsShader = new Shader('group_norm_gradient_sums', {
  reads: { dy: 'f32', x: 'f32', gamma: 'f32', mean: 'f32' },
  writes: { sum: 'f32', sumCentered: 'f32' },
  parameters: sizeTypes,
  workgroup: [lanes, 1],
  declarations: workgroupSum('f32', lanes),
  main: `${groupOfWorkgroup}
  let center = mean[i];
  var part = 0.0;
  var partCentered = 0.0;
  ${visitGroup('part += gamma[c] * dy[at]; partCentered += gamma[c] * dy[at] * (x[at] - center);')}
  let total = sumOfWorkgroup(part, lane);
  let totalCentered = sumOfWorkgroup(partCentered, lane);
  if (lane == 0u) {
    sum[i] = total;
    sumCentered[i] = totalCentered;
  }`,
});

/** ∂L/∂x, where `share` is 1 / the number of elements of a group. */
const groupNormGradientShader = new MapShader({
  name: 'groupNormGradient',
  operands: ['dy', 'x', 'gamma', 'mean', 'variance', 'sum', 'sumCentered'],
  numbers: ['epsilon', 'share'],
  wgsl:
    'flushed(inverseSqrt(variance + p.epsilon) * ' +
    '(gamma * dy - p.share * (sum + (x - mean) / (variance + p.epsilon) * sumCentered)))',
});

/** ∂L/∂γ and ∂L/∂β. */
const groupNormSumsShader = new ColumnSumsShader(
  'group_norm_gradient',
  {
    matrices: { dy: 'f32', x: 'f32' },
    buffers: { mean: 'f32', variance: 'f32' },
    each: `
      let ofGroup = (row / p.pixels) * p.groups + channel / p.perGroup;
      let normalized = (x - mean[ofGroup]) * inverseSqrt(variance[ofGroup] + p.epsilon);`,
    sums: ['dy * normalized', 'dy'],
  },
  { writes: { dgamma: 'f32', dbeta: 'f32' }, each: 'dgamma[channel] = sum0; dbeta[channel] = sum1;' },
  { epsilon: 'f32', pixels: 'u32', groups: 'u32', perGroup: 'u32' },
);
