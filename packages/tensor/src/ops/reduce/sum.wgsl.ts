import { memoize } from '../../backends/memoize.js';
import { elementAt } from '../../backends/webgpu/elements.js';
import { groupsOf, Shader } from '../../backends/webgpu/shader.js';
import type { DType } from '../../dtype.js';
import { BackendError } from '../../errors.js';
import { type Shape, stridesOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { collapsedAxes } from '../elementwise/broadcast.js';

/** Invocations per result. */
const lanes = 64;

/**
 * Sums x into the elements of `kept`, its shape with 1 on the reduced axes, and divides them by `divisor`. A workgroup
 * computes each sum: each of its invocations adds every 64th element, then a tree adds their partial sums.
 */
export function sumOnGpu(x: Tensor<DType>, kept: Shape, y: Tensor<DType>, divisor = 1): void {
  const axes = collapsedAxes(x.shape, [kept]);
  const strides = stridesOf(axes.map(({ size }) => size));
  const isReduced = axes.map(({ strides: [stride] }) => stride === 0);
  const axesWith = (reduced: boolean) =>
    axes.flatMap(({ size }, k) => (isReduced[k] === reduced ? [{ size, stride: strides[k] }] : []));
  const [outer, inner] = [axesWith(false), axesWith(true)];
  const count = inner.reduce((product, { size }) => product * size, 1);
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
  if (y.dtype !== 'f32' && y.dtype !== 'i32') throw new BackendError(`sum has no kernel for ${x.dtype} on a GPU`);
  const shader = sumShader(outer.length, inner.length, x.dtype, y.dtype);
  shader.run({ x }, { y }, numbers, groupsOf(y.size, 1));
}

const sumShader = memoize((outer: number, inner: number, from: DType, to: 'f32' | 'i32') => {
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
  return new Shader(`sum_${outer}_${inner}`, {
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
    workgroup: [lanes, 1],
    declarations: `${workgroupSum(to, lanes)}
fn place(number: u32, base: u32) -> u32 {
  var rest = number;
  var at = base;
  ${walk('inner', inner, 'rest')}
  return at;
}`,
    main: `
  let result = group.y * groups.x + group.x;
  if (result >= p.results) { return; }
  var number = result;
  var at = 0u;
  ${walk('outer', outer, 'number')}
  var sum = ${to}(0);
  for (var k = lane; k < p.count; k += ${lanes}u) { sum += ${to}(${elementAt('x', from, 'place(k, at)')}); }
  let total = sumOfWorkgroup(sum, lane);
  if (lane == 0u) { y[result] = ${to === 'f32' ? 'total / p.divisor' : 'total'}; }`,
  });
});

/** WGSL of a function that sums a value over all invocations of a workgroup. All of them must call it. */
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
