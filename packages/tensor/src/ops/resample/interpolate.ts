import { checkChoice, checkNumber, checkOptions, checkTensor } from '../../check.js';
import { ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { checkPair, type Pair } from '../window.js';
import { type AxisWeights, type ImageWeights, linearWeights, nearestWeights, transposed } from './axis-weights.js';
import { interpolateByKernel } from './interpolate.wasm.js';

/** Options of `interpolate`. */
export interface InterpolateOptions {
  /** The [height, width] of the result in pixels, or one number for both. Either this or `scale` must be given. */
  size?: Pair;
  /**
   * By how much the result is larger: [height, width] or one number for both, above 0. Sizes are rounded down, but
   * positions follow the scale as given, as in PyTorch.
   */
  scale?: Pair;
  /**
   * `'nearest'`, the default, copies a pixel: the one at ⌊position / scale⌋, as PyTorch's `'nearest'` does. `'bilinear'`
   * weights the two rows and the two columns around a position by how near they are.
   */
  mode?: 'nearest' | 'bilinear';
  /**
   * Whether the centers of the corner pixels are aligned in mode `'bilinear'`, rather than the borders of the images.
   * Default false.
   */
  alignCorners?: boolean;
}

/**
 * Resizes images to another height and width: PyTorch's `interpolate`.
 *
 * Rows and columns are interpolated alike. Row i of the result is at (i + ½) / scale − ½ of the image, or at
 * i · (height − 1) / (outHeight − 1) with `alignCorners`; positions beyond the outermost rows are moved there. No smaller
 * image is smoothed beforehand (PyTorch's `antialias=False`). A pixel of weight 0 does not count, even if it is NaN.
 *
 * @param x Images [batch, height, width, channels]. (PyTorch: [batch, channels, height, width].)
 * @returns [batch, outHeight, outWidth, channels].
 * @throws ShapeError unless x has 4 axes, and images and result have pixels, at most 2³⁰ along an axis.
 * @throws RangeError for an option out of range, both or none of size and scale, or alignCorners with mode `'nearest'`.
 *
 * @example
 * ```ts
 * import { interpolate, tensor } from '@mobinet/tensor';
 *
 * const image = tensor([0, 8], { shape: [1, 1, 2, 1] });
 * console.log(`${interpolate(image, { size: [1, 4] }).values}`);
 * // → 0,0,8,8
 * console.log(`${interpolate(image, { scale: [1, 2], mode: 'bilinear' }).values}`);
 * // → 0,2,6,8
 * ```
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  checkTensor('interpolate', x);
  return weightedSums(x, weightsFor(x, options));
}

function weightedSums(x: Tensor, weights: ImageWeights): Tensor {
  return apply(interpolateOp, [x], weights)[0];
}

/**
 * The options of `interpolate`, checked as far as that is possible without an image. Null stands for what is not
 * given.
 *
 * @param op The function or class, for messages.
 * @throws RangeError unless either `size` or `scale` is given, and for an option out of range.
 */
export function interpolateOptions(op: string, options: InterpolateOptions) {
  checkOptions(op, options, ['size', 'scale', 'mode', 'alignCorners']);
  const { size, scale, mode = 'nearest', alignCorners = false } = options;
  checkChoice(`${op}: mode`, mode, ['nearest', 'bilinear']);
  checkChoice(`${op}: alignCorners`, alignCorners, [true, false]);
  if ((size === undefined) === (scale === undefined)) {
    throw new RangeError(`${op}: give either size, such as [64, 64], or scale, such as 2`);
  }
  if (alignCorners && mode === 'nearest') throw new RangeError(`${op}: alignCorners needs mode 'bilinear'`);
  const sizes = size === undefined ? null : checkPair(op, 'size', size, 1);
  const scales =
    scale === undefined
      ? null
      : [0, 1].map((axis) => {
          const factor: unknown = Array.isArray(scale) && scale.length === 2 ? scale[axis] : scale;
          return checkNumber(`${op}: scale`, factor, { above: 0 });
        });
  return { sizes, scales, mode, alignCorners };
}

function weightsFor({ shape }: Tensor, options: InterpolateOptions): ImageWeights {
  const { sizes, scales, mode, alignCorners } = interpolateOptions('interpolate', options);
  const operands = [{ name: 'x', shape, note: 'batch, height, width, channels' }];
  if (shape.length !== 4) {
    throw new ShapeError(
      'interpolate',
      'x must have 4 axes',
      operands,
      'Reshape it to [batch, height, width, channels].',
    );
  }
  const weights = mode === 'nearest' ? nearestWeights : linearWeights;
  const along = (axis: 0 | 1): AxisWeights => {
    const inputs = shape[axis + 1];
    const factor = scales === null ? null : scales[axis];
    const outputs = factor === null ? sizes![axis] : Math.floor(inputs * factor);
    // No memory holds images with longer sides, and neither do the tables of weights.
    if (inputs === 0 || outputs === 0 || outputs > 2 ** 30) {
      const name = axis === 0 ? 'height' : 'width';
      throw new ShapeError('interpolate', `a ${name} of ${inputs} cannot be resized to ${outputs}`, operands);
    }
    return weights({ inputs, outputs, scale: factor, alignCorners });
  };
  return { rows: along(0), columns: along(1) };
}

const interpolateOp = defineOp<[Tensor], [Tensor], ImageWeights>({
  name: 'interpolate',
  outputs: ([{ shape }], { rows, columns }) => [
    { dtype: 'f32', shape: [shape[0], rows.outputs, columns.outputs, shape[3]] },
  ],
  reference([{ values: x, shape }], [{ values: y }], { rows, columns }) {
    const [batch, , , channels] = shape;
    y.fill(0);
    let yAt = 0;
    for (let n = 0; n < batch; n++) {
      for (let i = 0; i < rows.outputs; i++) {
        for (let j = 0; j < columns.outputs; j++, yAt += channels) {
          forEachTerm(rows, i, (row, rowWeight) => {
            forEachTerm(columns, j, (column, columnWeight) => {
              const xAt = ((n * rows.inputs + row) * columns.inputs + column) * channels;
              for (let c = 0; c < channels; c++) y[yAt + c] += rowWeight * columnWeight * x[xAt + c];
            });
          });
        }
      }
    }
  },
  fast: ([x], [y], attributes) => interpolateByKernel(x, y, attributes),
  webgpu: ([x], [y], attributes) => gpuKernels().interpolateOnGpu(x, y, attributes),
  // Each pixel of x gets its shares of all outputs that it is a term of: again weighted sums along both axes.
  gradient: (dy, { attributes: { rows, columns } }) => [
    () => weightedSums(dy, { rows: transposed(rows), columns: transposed(columns) }),
  ],
});

/** Visits the terms of an output along one axis. */
function forEachTerm(
  { first, start, weights }: AxisWeights,
  output: number,
  visit: (input: number, weight: number) => void,
): void {
  for (let at = start[output]; at < start[output + 1]; at++) visit(first[output] + at - start[output], weights[at]);
}
