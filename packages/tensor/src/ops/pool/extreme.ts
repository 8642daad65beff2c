import { checkTensor } from '../../check.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import { tidy } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import type { Window } from '../window.js';
import { forEachWindow, type PoolOptions, poolOutputShape, poolWindow } from './pool.js';
import { extremePoolByKernel } from './pool.wasm.js';

/**
 * Max pooling: the largest element of each window, for each channel. Padding is ignored. Among equal elements, the
 * first one in row-major order receives the whole gradient. NaN counts as larger than any number.
 *
 * @param x Images [batch, height, width, channels].
 * @returns [batch, outHeight, outWidth, channels].
 * @throws ShapeError unless x has 4 axes and the window fits.
 *
 * @example
 * ```ts
 * import { maxPool2d, tensor } from '@mobinet/tensor';
 *
 * const image = tensor([1, 2, 3, 4, 5, 6, 7, 8], { shape: [1, 2, 4, 1] });
 * console.log(`${maxPool2d(image, { window: 2 }).values}`);
 * // → 6,8
 * ```
 */
export function maxPool2d(x: Tensor, options: PoolOptions): Tensor {
  checkTensor('maxPool2d', x);
  const window = poolWindow('maxPool2d', x.shape, options);
  // Frees the positions of the maxima, which only the gradient reads.
  return tidy(() => apply(maxPool2dOp, [x], { window })[0]);
}

/**
 * Min pooling, −maxPool2d(−x): the smallest element of each window, for each channel. NaN counts as the smallest.
 *
 * @param x Images [batch, height, width, channels].
 * @returns [batch, outHeight, outWidth, channels].
 * @throws ShapeError unless x has 4 axes and the window fits.
 *
 * @example
 * ```ts
 * import { minPool2d, tensor } from '@mobinet/tensor';
 *
 * const image = tensor([1, 2, 3, 4, 5, 6, 7, 8], { shape: [1, 2, 4, 1] });
 * console.log(`${minPool2d(image, { window: 2, stride: 1 }).values}`);
 * // → 1,2,3
 * ```
 */
export function minPool2d(x: Tensor, options: PoolOptions): Tensor {
  checkTensor('minPool2d', x);
  const window = poolWindow('minPool2d', x.shape, options);
  return tidy(() => apply(minPool2dOp, [x], { window })[0]);
}

export const maxPool2dOp = extremePool('maxPool2d', 1);
export const minPool2dOp = extremePool('minPool2d', -1);

/**
 * The pooling op that keeps the element whose product with `sign` is largest. Its second output is the flat index in x
 * of each winner, to which the gradient goes back.
 */
/* @__NO_SIDE_EFFECTS__ */
function extremePool(name: string, sign: 1 | -1) {
  return defineOp<[Tensor], [Tensor, Tensor<'i32'>], { window: Window }, [Tensor<'i32'>]>({
    name,
    outputs([x], { window }) {
      const shape = poolOutputShape(x.shape, window);
      return [
        { dtype: 'f32', shape },
        { dtype: 'i32', shape },
      ];
    },
    reference([{ values: x, shape }], [{ values: y }, { values: winners }], { window }) {
      const [, , width, channels] = shape;
      forEachWindow(shape, window, (yAt, top, bottom, left, right) => {
        const first = (top * width + left) * channels;
        for (let c = 0; c < channels; c++) {
          y[yAt + c] = x[first + c];
          winners[yAt + c] = first + c;
        }
        for (let row = top; row < bottom; row++) {
          for (let column = left; column < right; column++) {
            const xAt = (row * width + column) * channels;
            for (let c = 0; c < channels; c++) {
              const value = x[xAt + c];
              if (value * sign > y[yAt + c] * sign || Number.isNaN(value)) {
                y[yAt + c] = value;
                winners[yAt + c] = xAt + c;
              }
            }
          }
        }
      });
    },
    fast: ([x], [y, winners], { window }) => extremePoolByKernel(x, y, winners, window, sign),
    webgpu: ([x], [y, winners], { window }) => gpuKernels().extremePoolOnGpu(x, y, winners, window, sign),
  });
}
