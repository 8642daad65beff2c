import { memoize } from '../../backends/memoize.js';
import { groupsOf, linear, linearWorkgroup, Shader } from '../../backends/webgpu/shader.js';
import type { DType } from '../../dtype.js';
import { type Shape, sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { odometer, positionOf } from '../elementwise/elementwise.wgsl.js';
import { joinAxes, type Layout } from './copy-block.js';

/** `copyBlock` on a GPU, with one invocation per element. */
export function copyBlockOnGpu(shape: Shape, from: Layout, to: Layout): void {
  const count = sizeOf(shape);
  const { sizes, fromStrides, toStrides } = joinAxes(shape, from.strides, to.strides);
  const numbers: Record<string, number> = { count, fromOffset: from.offset ?? 0, toOffset: to.offset ?? 0 };
  sizes.forEach((size, axis) => {
    numbers[`size${axis}`] = size;
    numbers[`stride${axis}_from`] = fromStrides[axis];
    numbers[`stride${axis}_to`] = toStrides[axis];
  });
  copyShader(sizes.length).run({ x: from.tensor }, { y: to.tensor }, numbers, groupsOf(count));
}

const copyShader = memoize((axes: number) => {
  const names = Array.from({ length: axes }, (_, axis) => [`size${axis}`, `stride${axis}_from`, `stride${axis}_to`]);
  const parameters = Object.fromEntries(
    ['count', 'fromOffset', 'toOffset', ...names.flat()].map((name) => [name, 'u32'] as const),
  );
  // Bits are copied unchanged, so one shader serves all dtypes.
  return new Shader(`copy_${axes}`, {
    reads: { x: 'u32' },
    writes: { y: 'u32' },
    parameters,
    workgroup: linearWorkgroup,
    main: `
  ${linear('p.count')}
  ${odometer(axes)}
  y[p.toOffset + ${positionOf('to', axes)}] = x[p.fromOffset + ${positionOf('from', axes)}];`,
  });
});

/** Sets every element of y to `value`. */
export function fillOnGpu(y: Tensor<DType>, value: number): void {
  const bits = y.dtype === 'f32' ? new Uint32Array(Float32Array.of(value).buffer)[0] : value;
  fillShader.run({}, { y }, { count: y.size, bits }, groupsOf(y.size));
}

const fillShader = new Shader('fill', {
  reads: {},
  writes: { y: 'u32' },
  parameters: { count: 'u32', bits: 'u32' },
  workgroup: linearWorkgroup,
  main: `
  ${linear('p.count')}
  y[i] = p.bits;`,
});
