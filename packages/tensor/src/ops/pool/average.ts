import { checkTensor } from '../../check.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import type { Window } from '../window.js';
import { forEachWindow, type PoolOptions, poolOutputShape, poolWindow } from './pool.js';
import { avgPoolByKernel } from './pool.wasm.js';

/**
 * Average pooling: the mean of each window, for each channel.
 *
 * A window that reaches into the padding averages over its real elements only (PyTorch's `count_include_pad=False`).
 * Windows that would extend past the far edge are dropped, unless `ceilMode` is set, as in PyTorch.
 *
 * @param x Images [batch, height, width, channels].
 * @returns [batch, outHeight, outWidth, channels].
 * @throws ShapeError unless x has 4 axes and the window fits.
 *
 * @example
 * ```ts
 * import { avgPool2d, tensor } from '@mobinet/tensor';
 *
 * const image = tensor([1, 2, 3, 4, 5, 6, 7, 8], { shape: [1, 2, 4, 1] });
 * console.log(`${avgPool2d(image, { window: 2 }).values}`); // (1 + 2 + 5 + 6) / 4, (3 + 4 + 7 + 8) / 4
 * // → 3.5,5.5
 * ```
 */
export function avgPool2d(x: Tensor, options: PoolOptions): Tensor {
  checkTensor('avgPool2d', x);
  return apply(avgPool2dOp, [x], { window: poolWindow('avgPool2d', x.shape, options) })[0];
}

/**
 * Sums first, then divides once, so that f32 arithmetic in the same order gives the same bits in any language. The
 * gradient rule is in deferred-gradient-rules.ts.
 */
export const avgPool2dOp = defineOp<[Tensor], [Tensor], { window: Window }>({
  name: 'avgPool2d',
  outputs: ([x], { window }) => [{ dtype: 'f32', shape: poolOutputShape(x.shape, window) }],
  reference([{ values: x, shape }], [{ values: y }], { window }) {
    const [, , width, channels] = shape;
    y.fill(0);
    forEachWindow(shape, window, (yAt, top, bottom, left, right) => {
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          const xAt = (row * width + column) * channels;
          for (let c = 0; c < channels; c++) y[yAt + c] += x[xAt + c];
        }
      }
      const count = (bottom - top) * (right - left);
      for (let c = 0; c < channels; c++) y[yAt + c] /= count;
    });
  },
  fast: ([x], [y], { window }) => avgPoolByKernel(x, y, window),
  webgpu: ([x], [y], { window }) => gpuKernels().avgPoolOnGpu(x, y, window),
});
