import { checkChoice, checkElement, checkList, checkOptions, checkTensor } from '../../check.js';
import type { DType } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { range } from '../../range.js';
import { tidy } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { checkValue } from '../elementwise/operands.js';
import { type AxisPadding, checkPads, constantPad } from './constant-pad.js';
import { gather } from './gather.js';
import { indicesFor } from './indices.js';
import { reshape } from './reshape.js';

/** What `pad` surrounds a tensor with: a value, the elements mirrored at its edges, or the elements at its edges. */
export type PadMode = 'constant' | 'reflect' | 'replicate';

/** Options of `pad`. */
export interface PadOptions {
  /** The elements of the border in mode `'constant'`. Default 0. */
  value?: number;
  /**
   * `'constant'`, the default, surrounds x with `value`; `'reflect'` continues it as a mirror does that stands on the
   * outermost element, which is not repeated; `'replicate'` repeats the outermost element (NumPy's `'edge'`).
   */
  mode?: PadMode;
}

/**
 * Surrounds x with a border: axis `i` grows by `pads[i]`.
 *
 * The pads are pairs in the order of the axes, as in NumPy; PyTorch's list begins with the last axis. The gradient of a
 * border that reflects or replicates goes back to the elements that it repeats, and adds up there.
 *
 * @param x Of any shape.
 * @param pads [before, after] for every axis, whole numbers of at least 0.
 * @returns A copy with the dtype of x.
 * @throws ShapeError unless there is a pair of whole numbers, 0 or more, for every axis; if a mirror has fewer elements
 *   to show than the border is wide; or if there is no element to replicate.
 * @throws TypeError if the value is not a number; DTypeError if the dtype of x cannot represent it; RangeError for an
 *   unknown mode, or a value with a mode that has none.
 *
 * @example
 * ```ts
 * import { pad, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([1, 2, 3]);
 * console.log(`${pad(x, [[1, 2]]).values}; ${pad(x, [[1, 2]], { value: 9 }).values}`);
 * // → 0,1,2,3,0,0; 9,1,2,3,9,9
 * console.log(`${pad(x, [[1, 2]], { mode: 'reflect' }).values}; ${pad(x, [[1, 2]], { mode: 'replicate' }).values}`);
 * // → 2,1,2,3,2,1; 1,1,2,3,3,3
 * ```
 */
export function pad<D extends DType>(x: Tensor<D>, pads: readonly AxisPadding[], options: PadOptions = {}): Tensor<D> {
  checkTensor('pad', x);
  checkList('pad', pads, '[[1, 1], [0, 2]]');
  checkOptions('pad', options, ['value', 'mode']);
  const { value = 0, mode = 'constant' } = options;
  checkElement('pad: value', value);
  checkValue('pad', value, x.dtype);
  checkChoice('pad: mode', mode, ['constant', 'reflect', 'replicate']);
  if (mode === 'constant') return constantPad(x, pads, value);
  if (options.value !== undefined) {
    throw new RangeError(`pad: mode '${mode}' has no value. Leave it out, or use mode 'constant'.`);
  }
  checkPads(x.shape, pads);
  return tidy(() => pads.reduce((y, padding, axis) => continueAxis(y, padding, axis, mode), reshape(x, x.shape)));
}

/** One axis after another: the corners of the border continue the border of an earlier axis. */
function continueAxis<D extends DType>(
  x: Tensor<D>,
  [before, after]: AxisPadding,
  axis: number,
  mode: 'reflect' | 'replicate',
): Tensor<D> {
  if (before === 0 && after === 0) return x;
  const size = x.shape[axis];
  const most = Math.max(before, after);
  if (mode === 'reflect' ? most >= size : size === 0) {
    throw new ShapeError(
      'pad',
      `axis ${axis} has too few elements to ${mode} ${most}`,
      [{ name: 'x', shape: x.shape }],
      mode === 'reflect' ? 'Each pad must be smaller than the axis.' : 'An empty axis has no outermost element.',
    );
  }
  const source = (position: number): number => {
    if (mode === 'replicate') return Math.min(Math.max(position, 0), size - 1);
    return position < size ? Math.abs(position) : 2 * (size - 1) - position;
  };
  const sources = range(before + size + after).map((at) => source(at - before));
  return gather(x, indicesFor(x, sources), axis);
}
