import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { conv2dOp, forEachTap, kernelsFor } from './conv2d.js';
import { conv2dFilterGradientByGemm, conv2dInputGradientByGemm } from './conv2d.wasm.js';
import { type Conv2dAttributes, convolutionMultiplyAdds } from './conv2d-attributes.js';
import { depthwiseFilterGradient, depthwiseInputGradient } from './depthwise.wasm.js';
import { smallGroupsFilterGradient, smallGroupsInputGradient } from './small-groups.wasm.js';

/**
 * ∂L/∂x of `conv2d`, from ∂L/∂y and the filter: each tap sends its share back to the pixel that it read. Gradient rules
 * call it; to differentiate, use `@mobinet/autograd`.
 *
 * @param dy [batch, outHeight, outWidth, outChannels].
 * @param filter [outChannels, kernelHeight, kernelWidth, channels / groups].
 * @param xShape [batch, height, width, channels].
 * @param attributes The window and the groups, as `conv2d` derives them from its options.
 * @returns f32 of shape `xShape`.
 *
 * @example
 * ```ts
 * import { bitConv2dAttributes, conv2dInputGradient, ones, tensor } from '@mobinet/tensor';
 *
 * const filter = tensor([1, 2, 3], { shape: [1, 1, 3, 1] });
 * const xShape = [1, 1, 4, 1];
 * const attributes = bitConv2dAttributes('example', xShape, filter.shape, {});
 * console.log(`${conv2dInputGradient(ones([1, 1, 2, 1]), filter, xShape, attributes).values}`); // 1, 2 + 1, 3 + 2, 3
 * // → 1,3,5,3
 * ```
 */
export function conv2dInputGradient(dy: Tensor, filter: Tensor, xShape: Shape, attributes: Conv2dAttributes): Tensor {
  return apply(inputGradientOp, [dy, filter], { ...attributes, xShape })[0];
}

const inputGradientOp = defineOp<
  [Tensor, Tensor],
  [Tensor],
  Conv2dAttributes & { xShape: Shape },
  [dy: Tensor, filter: Tensor]
>({
  name: 'conv2dInputGradient',
  outputs: (_, { xShape }) => [{ dtype: 'f32', shape: xShape }],
  reference([{ values: dy }, { values: filter, shape: filterShape }], [{ values: dx, shape: xShape }], attributes) {
    dx.fill(0);
    forEachTap(xShape, filterShape, attributes, (xAt, filterAt, yAt, channels) => {
      for (let c = 0; c < channels; c++) dx[xAt + c] += dy[yAt] * filter[filterAt + c];
    });
  },
  fast([dy, filter], [dx], attributes) {
    const kernels = {
      depthwise: depthwiseInputGradient,
      smallGroups: smallGroupsInputGradient,
      gemm: conv2dInputGradientByGemm,
    };
    kernels[kernelsFor(filter.shape, attributes)](dy, filter, dx, attributes);
  },
  webgpu: ([dy, filter], [dx], attributes) =>
    gpuKernels().inputGradientOnGpu({ dy, filter, scale: null, dx }, attributes),
  multiplyAdds: ([dy, filter]) => convolutionMultiplyAdds(dy, filter.shape),
  // dx is a sum of products dy · filter, so its gradients are a convolution and its filter gradient, with ddx for x.
  saves: (inputs) => inputs,
  gradient: (ddx, { saved: [dy, filter], attributes }) => [
    () => apply(conv2dOp, [ddx, filter], attributes)[0],
    () => conv2dFilterGradient(dy, ddx, filter.shape, attributes),
  ],
});

/**
 * ∂L/∂filter of `conv2d`, from ∂L/∂y and x: each weight collects ∂L/∂y times the elements that it multiplied. Gradient
 * rules call it; to differentiate, use `@mobinet/autograd`.
 *
 * @param dy [batch, outHeight, outWidth, outChannels].
 * @param x [batch, height, width, channels].
 * @param filterShape [outChannels, kernelHeight, kernelWidth, channels / groups].
 * @param attributes The window and the groups, as `conv2d` derives them from its options.
 * @returns f32 of shape `filterShape`.
 *
 * @example
 * ```ts
 * import { bitConv2dAttributes, conv2dFilterGradient, ones, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([1, 10, 100, 1000], { shape: [1, 1, 4, 1] });
 * const filterShape = [1, 1, 3, 1];
 * const attributes = bitConv2dAttributes('example', x.shape, filterShape, {});
 * console.log(`${conv2dFilterGradient(ones([1, 1, 2, 1]), x, filterShape, attributes).values}`);
 * // → 11,110,1100
 * ```
 */
export function conv2dFilterGradient(dy: Tensor, x: Tensor, filterShape: Shape, attributes: Conv2dAttributes): Tensor {
  return apply(filterGradientOp, [dy, x], { ...attributes, filterShape })[0];
}

const filterGradientOp = defineOp<
  [Tensor, Tensor],
  [Tensor],
  Conv2dAttributes & { filterShape: Shape },
  [dy: Tensor, x: Tensor]
>({
  name: 'conv2dFilterGradient',
  outputs: (_, { filterShape }) => [{ dtype: 'f32', shape: filterShape }],
  reference([{ values: dy }, { values: x, shape: xShape }], [{ values: df, shape: filterShape }], attributes) {
    df.fill(0);
    forEachTap(xShape, filterShape, attributes, (xAt, filterAt, yAt, channels) => {
      for (let c = 0; c < channels; c++) df[filterAt + c] += dy[yAt] * x[xAt + c];
    });
  },
  fast([dy, x], [df], attributes) {
    const kernels = {
      depthwise: depthwiseFilterGradient,
      smallGroups: smallGroupsFilterGradient,
      gemm: conv2dFilterGradientByGemm,
    };
    kernels[kernelsFor(df.shape, attributes)](dy, x, df, attributes);
  },
  webgpu: ([dy, x], [df], attributes) => gpuKernels().filterGradientOnGpu(dy, x, df, attributes),
  multiplyAdds: ([dy], [df]) => convolutionMultiplyAdds(dy, df.shape),
  saves: (inputs) => inputs,
  gradient: (ddf, { saved: [dy, x], attributes }) => [
    () => apply(conv2dOp, [x, ddf], attributes)[0],
    () => conv2dInputGradient(dy, ddf, x.shape, attributes),
  ],
});
