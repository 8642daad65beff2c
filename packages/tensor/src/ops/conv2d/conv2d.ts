import { checkOptions, checkTensor } from '../../check.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { conv2dByGemm } from './conv2d.wasm.js';
import {
  type Conv2dAttributes,
  type Conv2dOptions,
  conv2dAttributes,
  conv2dOptions,
  conv2dOutputShape,
  convolutionMultiplyAdds,
} from './conv2d-attributes.js';
import { depthwise, isDepthwise } from './depthwise.wasm.js';
import { hasSmallGroups, smallGroups } from './small-groups.wasm.js';

/**
 * 2-D convolution (strictly a cross-correlation, as in every deep-learning library).
 *
 *     y[n, i, j, o] = Σ_{ki, kj, c}  x[n, i·stride + ki·dilation − padding, …, group(o)·C + c] · filter[o, ki, kj, c]
 *
 * @param x Images [batch, height, width, channels].
 * @param filter [outChannels, kernelHeight, kernelWidth, channels / groups].
 * @returns [batch, outHeight, outWidth, outChannels].
 * @throws ShapeError if the channels or groups do not match, or the window does not fit.
 *
 * @example
 * ```ts
 * import { conv2d, tensor } from '@mobinet/tensor';
 *
 * const image = tensor([0, 0, 1, 1, 0, 0], { shape: [1, 1, 6, 1] });
 * const edges = tensor([-1, 0, 1], { shape: [1, 1, 3, 1] });
 * console.log(`${conv2d(image, edges).values}`); // brighter at the right: 1, darker: −1
 * // → 1,1,-1,-1
 * ```
 */
export function conv2d(x: Tensor, filter: Tensor, options: Conv2dOptions = {}): Tensor {
  checkTensor('conv2d', x);
  checkTensor('conv2d', filter, 'filter');
  checkOptions('conv2d', options, conv2dOptions);
  return apply(conv2dOp, [x, filter], conv2dAttributes('conv2d', x.shape, filter.shape, options, filter.label))[0];
}

/** The gradient rule is in deferred-gradient-rules.ts. */
export const conv2dOp = defineOp<[Tensor, Tensor], [Tensor], Conv2dAttributes, [Tensor, Tensor]>({
  name: 'conv2d',
  outputs: ([x, filter], attributes) => [{ dtype: 'f32', shape: conv2dOutputShape(x.shape, filter.shape, attributes) }],
  reference([{ values: x, shape }, { values: filter, shape: filterShape }], [{ values: y }], attributes) {
    y.fill(0);
    forEachTap(shape, filterShape, attributes, (xAt, filterAt, yAt, channels) => {
      for (let c = 0; c < channels; c++) y[yAt] += x[xAt + c] * filter[filterAt + c];
    });
  },
  fast([x, filter], [y], attributes) {
    const kernels = { depthwise, smallGroups, gemm: conv2dByGemm };
    kernels[kernelsFor(filter.shape, attributes)](x, filter, y, attributes);
  },
  webgpu: ([x, filter], [y], attributes) => gpuKernels().conv2dOnGpu(x, filter, y, attributes),
  multiplyAdds: ([, filter], [y]) => convolutionMultiplyAdds(y, filter.shape),
});

/** Selects the kernels for a convolution: depth-wise, small groups, or matrix products, which handle all others. */
export function kernelsFor(filter: Shape, attributes: Conv2dAttributes): 'depthwise' | 'smallGroups' | 'gemm' {
  if (isDepthwise(filter, attributes)) return 'depthwise';
  return hasSmallGroups(filter, attributes) ? 'smallGroups' : 'gemm';
}

/**
 * Visits every product of a convolution once, one run of channels at a time: `visit(xAt, filterAt, yAt, channels)`
 * means that x[xAt + c] · filter[filterAt + c] is a term of y[yAt] for all c < channels. Taps in the padding read
 * zeros, so they are only visited if there is a `visitPadding`. The convolution and both of its gradients are this loop
 * with different bodies.
 */
export function forEachTap(
  [batch, height, width, inChannels]: Shape,
  [outChannels, kernelHeight, kernelWidth, groupChannels]: Shape,
  { window, groups }: Conv2dAttributes,
  visit: (xAt: number, filterAt: number, yAt: number, channels: number) => void,
  visitPadding?: (filterAt: number, yAt: number, channels: number) => void,
): void {
  const filtersPerGroup = outChannels / groups;
  let yAt = 0;
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < window.height.output; i++) {
      for (let j = 0; j < window.width.output; j++) {
        for (let o = 0; o < outChannels; o++, yAt++) {
          const group = Math.floor(o / filtersPerGroup);
          for (let ki = 0; ki < kernelHeight; ki++) {
            const row = i * window.height.stride + ki * window.height.dilation - window.height.before;
            for (let kj = 0; kj < kernelWidth; kj++) {
              const column = j * window.width.stride + kj * window.width.dilation - window.width.before;
              const filterAt = ((o * kernelHeight + ki) * kernelWidth + kj) * groupChannels;
              if (row < 0 || row >= height || column < 0 || column >= width) {
                visitPadding?.(filterAt, yAt, groupChannels);
                continue;
              }
              const xAt = ((n * height + row) * width + column) * inChannels + group * groupChannels;
              visit(xAt, filterAt, yAt, groupChannels);
            }
          }
        }
      }
    }
  }
}
