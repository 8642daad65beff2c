import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import type { Window } from '../window.js';
import { avgPool2dOp } from './average.js';
import { forEachWindow } from './pool.js';
import { avgPoolGradientByKernel } from './pool.wasm.js';

/** ∂L/∂x of `avgPool2d`: the gradient of each output is shared equally among the elements of its window. */
export function avgPool2dInputGradient(dy: Tensor, xShape: Shape, window: Window): Tensor {
  return apply(inputGradientOp, [dy], { xShape, window })[0];
}

const inputGradientOp = defineOp<[Tensor], [Tensor], { xShape: Shape; window: Window }>({
  name: 'avgPool2dInputGradient',
  outputs: (_, { xShape }) => [{ dtype: 'f32', shape: xShape }],
  reference([{ values: dy }], [{ values: dx }], { xShape, window }) {
    const [, , width, channels] = xShape;
    dx.fill(0);
    forEachWindow(xShape, window, (yAt, top, bottom, left, right) => {
      const count = (bottom - top) * (right - left);
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          const xAt = (row * width + column) * channels;
          for (let c = 0; c < channels; c++) dx[xAt + c] += dy[yAt + c] / count;
        }
      }
    });
  },
  fast: ([dy], [dx], { window }) => avgPoolGradientByKernel(dy, dx, window),
  webgpu: ([dy], [dx], { window }) => gpuKernels().avgPoolGradientOnGpu(dy, dx, window),
  gradient: (ddx, { attributes: { window } }) => [() => apply(avgPool2dOp, [ddx], { window })[0]],
});
