import { memoize } from '../../backends/memoize.js';
import {
  bitsInWord,
  elementAt,
  elementsPerWord,
  isNarrow,
  maskInWord,
  type NarrowType,
  wordsOfElements,
} from '../../backends/webgpu/elements.js';
import { groupsOf, linear, linearWorkgroup, Shader } from '../../backends/webgpu/shader.js';
import { type DType, newTypedArray } from '../../dtype.js';
import { type Shape, sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { odometer, positionOf } from '../elementwise/elementwise.wgsl.js';
import { joinAxes, type Layout } from './copy-block.js';

/** How elements are moved: as bits, so that one kernel serves all dtypes of a width. */
export type BitsType = 'u32' | NarrowType;

export function bitsType(dtype: DType): BitsType {
  return isNarrow(dtype) ? dtype : 'u32';
}

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
  copyShader(sizes.length, bitsType(to.tensor.dtype)).run(
    { x: from.tensor },
    { y: to.tensor },
    numbers,
    groupsOf(count),
  );
}

const copyShader = memoize((axes: number, type: BitsType) => {
  const names = Array.from({ length: axes }, (_, axis) => [`size${axis}`, `stride${axis}_from`, `stride${axis}_to`]);
  const parameters = Object.fromEntries(
    ['count', 'fromOffset', 'toOffset', ...names.flat()].map((name) => [name, 'u32'] as const),
  );
  return new Shader(`copy_${type}_${axes}`, {
    reads: { x: type },
    writes: { y: isNarrow(type) ? 'atomic<u32>' : type },
    parameters,
    workgroup: linearWorkgroup,
    main: `
  ${linear('p.count')}
  ${odometer(axes)}
  let element = ${elementAt('x', type, `p.fromOffset + ${positionOf('from', axes)}`)};
  let to = p.toOffset + ${positionOf('to', axes)};
  ${isNarrow(type) ? replaceInWord(type) : 'y[to] = element;'}`,
  });
});

/** Narrow elements are copied one by one, because a block may start and end within a word. */
const replaceInWord = (type: NarrowType): string => {
  const word = `&y[to / ${elementsPerWord(type)}u]`;
  return `atomicAnd(${word}, ~${maskInWord(type, 'to')});
  atomicOr(${word}, ${bitsInWord(type, 'element', 'to')});`;
};

/** Sets every element of y to `value`. */
export function fillOnGpu(y: Tensor<DType>, value: number): void {
  const word = newTypedArray(y.dtype, elementsPerWord(y.dtype)).fill(value);
  const words = wordsOfElements(y.dtype, y.size);
  fillShader.run({}, { y }, { words, bits: new Uint32Array(word.buffer)[0] }, groupsOf(words));
}

const fillShader = new Shader('fill', {
  reads: {},
  writes: { y: 'u32' },
  parameters: { words: 'u32', bits: 'u32' },
  workgroup: linearWorkgroup,
  main: `
  ${linear('p.words')}
  y[i] = p.bits;`,
});
