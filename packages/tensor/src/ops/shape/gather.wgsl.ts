import { memoize } from '../../backends/memoize.js';
import { elementAt, valueType, wordsOfElements } from '../../backends/webgpu/elements.js';
import { groupsOf, linear, linearWorkgroup, Shader, storeElements } from '../../backends/webgpu/shader.js';
import type { DType } from '../../dtype.js';
import type { Tensor } from '../../tensor.js';
import { type BitsType, bitsType, fillOnGpu } from './copy-block.wgsl.js';

// Indices are not checked on a GPU. Those outside the axis pick 0, and add nothing.

const parameters = { count: 'u32', picks: 'u32', size: 'u32', run: 'u32' } as const;

/** The place of element `i` of the picked slices: slice `index` of block `i / (picks · run)`. */
const place = `
  let index = indices[(i / p.run) % p.picks];
  let at = ((i / (p.run * p.picks)) * p.size + u32(index)) * p.run + i % p.run;
  let isInside = index >= 0 && u32(index) < p.size;`;

/** `gather` on a GPU. The axis has `size` slices of `run` elements each. */
export function gatherOnGpu(
  x: Tensor<DType>,
  indices: Tensor<'i32'>,
  y: Tensor<DType>,
  size: number,
  run: number,
): void {
  const numbers = { count: y.size, picks: indices.size, size, run };
  gatherShader(bitsType(y.dtype)).run({ x, indices }, { y }, numbers, groupsOf(wordsOfElements(y.dtype, y.size)));
}

const gatherShader = memoize(
  (type: BitsType) =>
    new Shader(`gather_${type}`, {
      reads: { x: type, indices: 'i32' },
      writes: { y: type },
      parameters,
      workgroup: linearWorkgroup,
      declarations: `fn elementOf(i: u32) -> ${valueType(type)} {
  ${place}
  if (!isInside) { return 0; }
  return ${elementAt('x', type, 'at')};
}`,
      main: storeElements('y', type),
    }),
);

/**
 * `scatterAdd` on a GPU. WGSL has no atomic addition of floats, so an invocation retries until no other one has changed
 * the element in between. The order of additions is not fixed.
 */
export function scatterAddOnGpu(updates: Tensor, indices: Tensor<'i32'>, y: Tensor, size: number, run: number): void {
  fillOnGpu(y, 0);
  const numbers = { count: updates.size, picks: indices.size, size, run };
  scatterAddShader.run({ updates, indices }, { y }, numbers, groupsOf(updates.size));
}

const scatterAddShader = new Shader('scatter_add', {
  reads: { updates: 'f32', indices: 'i32' },
  writes: { y: 'atomic<u32>' },
  parameters,
  workgroup: linearWorkgroup,
  main: `
  ${linear('p.count')}
  ${place}
  if (!isInside) { return; }
  var seen = atomicLoad(&y[at]);
  loop {
    let result = atomicCompareExchangeWeak(&y[at], seen, bitcast<u32>(bitcast<f32>(seen) + updates[i]));
    if (result.exchanged) { break; }
    seen = result.old_value;
  }`,
});
