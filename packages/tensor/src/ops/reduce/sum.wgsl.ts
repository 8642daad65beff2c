import { memoize } from '../../backends/memoize.js';
import { elementAt } from '../../backends/webgpu/elements.js';
import { groupsOf, linear, linearWorkgroup, Shader } from '../../backends/webgpu/shader.js';
import type { DType } from '../../dtype.js';
import { BackendError } from '../../errors.js';
import { type Shape, stridesOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { ColumnSumsShader } from '../column-sums.wgsl.js';
import { collapsedAxes } from '../elementwise/broadcast.js';

/** Invocations per result, where a workgroup computes each. */
const lanes = 64;

/** The most terms that a single invocation adds up. */
const fewTerms = 128;

/**
 * Sums x into the elements of `kept`, its shape with 1 on the reduced axes, and divides them by `divisor`.
 *
 * Where results are neighbors in x, so are the invocations that read them: each sums a few terms of a result, or all if
 * there are only few. Otherwise the invocations of a workgroup share the terms of one result.
 *
 * @param x f32 or an integer type, of any shape.
 * @param kept The shape of x with 1 on the reduced axes.
 * @param y The result, f32, or i32 for integers.
 * @param divisor Default 1.
 * @throws BackendError if a tensor is not on the GPU.
 */
export function sumOnGpu(x: Tensor<DType>, kept: Shape, y: Tensor<DType>, divisor = 1): void {
  if (y.dtype !== 'f32' && y.dtype !== 'i32') throw new BackendError(`sum has no kernel for ${x.dtype} on a GPU`);
  const axes = collapsedAxes(x.shape, [kept]);
  const strides = stridesOf(axes.map(({ size }) => size));
  const isReduced = axes.map(({ strides: [stride] }) => stride === 0);
  const axesWith = (reduced: boolean) =>
    axes.flatMap(({ size }, k) => (isReduced[k] === reduced ? [{ size, stride: strides[k] }] : []));
  const [outer, inner] = [axesWith(false), axesWith(true)];
  const count = inner.reduce((product, { size }) => product * size, 1);
  const areNeighbors = !isReduced.at(-1);
  if (areNeighbors && axes.length === 2 && count > fewTerms && x.dtype === 'f32') {
    columnSums.run({ x }, { y }, { divisor }, count, y.size);
    return;
  }
  const numbers: Record<string, number> = { results: y.size, count, divisor };
  for (const [name, list] of [
    ['outer', outer],
    ['inner', inner],
  ] as const) {
    list.forEach(({ size, stride }, axis) => {
      numbers[`${name}${axis}_size`] = size;
      numbers[`${name}${axis}_stride`] = stride;
    });
  }
  const isShared = !areNeighbors || count > fewTerms;
  const shader = sumShader(outer.length, inner.length, x.dtype, y.dtype, isShared);
  shader.run({ x }, { y }, numbers, isShared ? groupsOf(y.size, 1) : groupsOf(y.size));
}

const columnSums = new ColumnSumsShader(
  'sum_columns',
  { matrices: { x: 'f32' }, sums: ['x'] },
  { writes: { y: 'f32' }, each: 'y[channel] = sum0 / p.divisor;' },
  { divisor: 'f32' },
);

/** @param isShared Whether a workgroup computes each result; otherwise, an invocation does. */
const sumShader = memoize((outer: number, inner: number, from: DType, to: 'f32' | 'i32', isShared: boolean) => {
  const axisNames = (name: string, count: number) =>
    Array.from({ length: count }, (_, axis) => [`${name}${axis}_size`, `${name}${axis}_stride`]).flat();
  /** Adds the offset of element `number` of some axes to `at`. */
  const walk = (name: string, count: number, number: string): string =>
    Array.from({ length: count }, (_, k) => count - 1 - k)
      .map(
        (axis) =>
          `at += (${number} % p.${name}${axis}_size) * p.${name}${axis}_stride; ${number} /= p.${name}${axis}_size;`,
      )
      .join('\n  ');
  const start = isShared
    ? `
  let i = group.y * groups.x + group.x;
  if (i >= p.results) { return; }`
    : linear('p.results');
  const [first, step] = isShared ? ['lane', `${lanes}u`] : ['0u', '1u'];
  const total = isShared ? 'sumOfWorkgroup(sum, lane)' : 'sum';
  return new Shader(`sum_${outer}_${inner}${isShared ? '' : '_columns'}`, {
    reads: { x: from },
    writes: { y: to },
    parameters: {
      results: 'u32',
      count: 'u32',
      divisor: 'f32',
      ...Object.fromEntries(
        [...axisNames('outer', outer), ...axisNames('inner', inner)].map((name) => [name, 'u32'] as const),
      ),
    } as Record<string, 'u32' | 'f32'>,
    workgroup: isShared ? [lanes, 1] : linearWorkgroup,
    declarations: `${isShared ? workgroupSum(to, lanes) : ''}
fn place(number: u32, base: u32) -> u32 {
  var rest = number;
  var at = base;
  ${walk('inner', inner, 'rest')}
  return at;
}`,
    main: `${start}
  var number = i;
  var at = 0u;
  ${walk('outer', outer, 'number')}
  var sum = ${to}(0);
  for (var k = ${first}; k < p.count; k += ${step}) { sum += ${to}(${elementAt('x', from, 'place(k, at)')}); }
  let total = ${total};
  ${isShared ? 'if (lane == 0u) ' : ''}{ y[i] = ${to === 'f32' ? 'total / p.divisor' : 'total'}; }`,
  });
});

/**
 * WGSL of a function that sums a value over all invocations of a workgroup. All of them must call it.
 *
 * @param type The type of the value and of the sum.
 * @param size The number of invocations, a power of two.
 * @param name Default `sumOfWorkgroup`.
 *
 * @example
 * ```ts
 * import { workgroupSum } from '@mobinet/tensor/kernels';
 *
 * console.log(workgroupSum('f32', 64).includes('fn sumOfWorkgroup(value: f32, lane: u32) -> f32'));
 * // → true
 * ```
 */
export function workgroupSum(type: 'f32' | 'i32', size: number, name = 'sumOfWorkgroup'): string {
  return `
var<workgroup> ${name}Parts: array<${type}, ${size}>;
fn ${name}(value: ${type}, lane: u32) -> ${type} {
  workgroupBarrier();
  ${name}Parts[lane] = value;
  for (var step = ${size / 2}u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (lane < step) { ${name}Parts[lane] += ${name}Parts[lane + step]; }
  }
  workgroupBarrier();
  return ${name}Parts[0];
}`;
}
