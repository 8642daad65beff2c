import type { ParameterTypes } from '../../backends/cpu/kernel.js';
import type { BitTensor } from '../../bit-tensor.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import { tidy } from '../../scope.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { forEachTap } from '../conv2d/conv2d.js';
import { convolutionMultiplyAdds } from '../conv2d/conv2d-attributes.js';
import { conv2dFilterGradient, conv2dInputGradient } from '../conv2d/conv2d-gradients.js';
import type { InputGradientTensors } from '../conv2d/input-gradient-tensors.js';
import { mul } from '../elementwise/binary.js';
import { constantPad } from '../shape/constant-pad.js';
import { reshape } from '../shape/reshape.js';
import { isPointwise, type Slide } from '../window.js';
import type { BitConv2dAttributes } from './bit-conv2d-attributes.js';
import { signsOf } from './each-bit.js';
import { type Epilogue, type EpilogueArguments, noEpilogue } from './epilogue.wasm.js';
import { subtractBorderSums } from './grouped-border.wasm.js';
import { groupedFilterGradient } from './grouped-filter-gradient.wasm.js';
import { groupedInputGradient } from './grouped-input-gradient.wasm.js';
import { hasGroupedLookup } from './grouped-lookup.js';
import { unpackBits } from './pack-bits.js';
import { pointwiseFilterGradient } from './pointwise-filter-gradient.wasm.js';
import { pointwiseInputGradient } from './pointwise-input-gradient.wasm.js';

/**
 * ∂L/∂x of `bitConv2d`, with respect to the signs of x. Padding is constant and receives no gradient. Straight-through
 * estimators pass this gradient on to the numbers that the signs were taken from.
 *
 * @param dy [batch, outHeight, outWidth, outChannels].
 * @param filter [outChannels, kernelHeight, kernelWidth, channels / groups], as bits.
 * @param xShape [batch, height, width, channels].
 * @param attributes From `bitConv2dAttributes`.
 * @param scale [outChannels]: a factor that the output of each filter was multiplied by afterwards, if any.
 * @returns f32 of shape `xShape`.
 *
 * @example
 * ```ts
 * import { bitConv2dAttributes, bitConv2dInputGradient, ones, packBits, tensor } from '@mobinet/tensor';
 *
 * const filter = packBits(tensor([1, -1], { shape: [1, 1, 2, 1] }));
 * const attributes = bitConv2dAttributes('example', [1, 1, 3, 1], filter.shape, {});
 * console.log(`${bitConv2dInputGradient(ones([1, 1, 2, 1]), filter, [1, 1, 3, 1], attributes).values}`);
 * // → 1,0,-1
 * ```
 */
export function bitConv2dInputGradient(
  dy: Tensor,
  filter: BitTensor,
  xShape: Shape,
  attributes: BitConv2dAttributes,
  scale?: Tensor,
): Tensor {
  if (dy.backend === 'webgpu' || hasLookup(filter.shape, attributes)) {
    const inputs: InputGradientInputs = scale ? [dy, filter, scale] : [dy, filter];
    return apply(inputGradientOp, inputs, { ...attributes, xShape })[0];
  }
  return tidy(() => {
    const signs = unpackBits(filter);
    const weights = scale ? mul(signs, reshape(scale, [-1, 1, 1, 1])) : signs;
    return conv2dInputGradient(dy, weights, xShape, attributes);
  });
}

/**
 * ∂L/∂filter of `bitConv2d`, with respect to the signs of the filter. Padding with +1 counts like any pixel.
 *
 * @param dy [batch, outHeight, outWidth, outChannels].
 * @param x Images [batch, height, width, channels], as bits.
 * @param filterShape [outChannels, kernelHeight, kernelWidth, channels / groups].
 * @param attributes From `bitConv2dAttributes`.
 * @returns f32 of shape `filterShape`.
 *
 * @example
 * ```ts
 * import { bitConv2dAttributes, bitConv2dFilterGradient, ones, packBits, tensor } from '@mobinet/tensor';
 *
 * const x = packBits(tensor([1, 1, -1], { shape: [1, 1, 3, 1] }));
 * const attributes = bitConv2dAttributes('example', x.shape, [1, 1, 2, 1], {});
 * console.log(`${bitConv2dFilterGradient(ones([1, 1, 2, 1]), x, [1, 1, 2, 1], attributes).values}`); // 1 + 1, 1 − 1
 * // → 2,0
 * ```
 */
export function bitConv2dFilterGradient(
  dy: Tensor,
  x: BitTensor,
  filterShape: Shape,
  attributes: BitConv2dAttributes,
): Tensor {
  if (dy.backend === 'webgpu' || hasLookup(filterShape, attributes))
    return apply(filterGradientOp, [dy, x], { ...attributes, filterShape })[0];
  return tidy(() => {
    const signs = unpackBits(x);
    if (attributes.paddingValue === 'zero') return conv2dFilterGradient(dy, signs, filterShape, attributes);
    const { height, width } = attributes.window;
    const padded = constantPad(signs, [[0, 0], paddingOf(height), paddingOf(width), [0, 0]], 1);
    const window = { height: overPadded(height), width: overPadded(width) };
    return conv2dFilterGradient(dy, padded, filterShape, { ...attributes, window });
  });
}

/**
 * Whether the gradients of such a convolution are computed by lookup tables, which is the case for 1×1 filters and
 * small groups. All others multiply floats ±1.
 *
 * @example
 * ```ts
 * import { bitConv2dAttributes } from '@mobinet/tensor';
 * import { hasLookup } from '@mobinet/tensor/kernels';
 *
 * const pointwise = bitConv2dAttributes('example', [1, 8, 8, 64], [64, 1, 1, 64], {});
 * const dense = bitConv2dAttributes('example', [1, 8, 8, 64], [64, 3, 3, 64], {});
 * console.log(`${hasLookup([64, 1, 1, 64], pointwise)}, ${hasLookup([64, 3, 3, 64], dense)}`);
 * // → true, false
 * ```
 */
export function hasLookup(filter: Shape, attributes: BitConv2dAttributes): boolean {
  return isPointwiseConv2d(filter, attributes) || hasGroupedLookup(filter, attributes);
}

function isPointwiseConv2d([, height, width]: Shape, { groups, window }: BitConv2dAttributes): boolean {
  return groups === 1 && height === 1 && width === 1 && isPointwise(window);
}

/** The scale is optional. */
type InputGradientInputs = readonly [dy: Tensor, filter: BitTensor, ...scale: Tensor[]];

const inputGradientOp = defineOp<InputGradientInputs, [Tensor], BitConv2dAttributes & { xShape: Shape }>({
  name: 'bitConv2dInputGradient',
  accepts: [['f32'], ['bits'], ['f32']],
  outputs: (_, { xShape }) => [{ dtype: 'f32', shape: xShape }],
  reference([{ values: dy }, filter, ...[scale]], [{ values: dx, shape: xShape }], attributes) {
    const factors = scale?.values;
    const signs = signsOf(filter);
    const perFilter = signs.length / filter.shape[0];
    dx.fill(0);
    forEachTap(xShape, filter.shape, attributes, (xAt, filterAt, yAt, channels) => {
      const factor = dy[yAt] * (factors ? factors[Math.floor(filterAt / perFilter)] : 1);
      for (let c = 0; c < channels; c++) dx[xAt + c] += factor * signs[filterAt + c];
    });
  },
  fast: ([dy, filter, ...[scale]], [dx], attributes) =>
    inputGradientWithEpilogue({ dy, filter, scale: scale ?? null, dx }, attributes, noEpilogue, {}),
  webgpu: ([dy, filter, ...[scale]], [dx], attributes) =>
    gpuKernels().inputGradientOnGpu({ dy, filter, scale: scale ?? null, dx }, attributes),
  multiplyAdds: ([dy, filter]) => convolutionMultiplyAdds(dy, filter.shape),
});

/**
 * Computes `bitConv2dInputGradient` of a convolution that `hasLookup`, and stores it through an epilogue.
 *
 * @param tensors The gradient of the output, the filter and the result, as for `bitConv2dInputGradient`.
 * @param attributes From `bitConv2dAttributes`.
 * @param epilogue What changes the gradients before they are stored.
 * @param args The values of the epilogue's parameters.
 *
 * @example
 * ```ts
 * import { bitConv2dAttributes, ones, packBits, zeros } from '@mobinet/tensor';
 * import { type Epilogue, inputGradientWithEpilogue } from '@mobinet/tensor/kernels';
 *
 * const doubled: Epilogue<Record<never, never>> = {
 *   name: 'doubled',
 *   parameters: {},
 *   row: () => (value) => value.add(value),
 * };
 * const filter = packBits(ones([4, 1, 1, 4]));
 * const attributes = bitConv2dAttributes('example', [1, 1, 1, 4], filter.shape, {});
 * const dx = zeros([1, 1, 1, 4]);
 * inputGradientWithEpilogue({ dy: ones([1, 1, 1, 4]), filter, scale: null, dx }, attributes, doubled, {});
 * console.log(`${dx.values}`); // twice the sum of four gradients
 * // → 8,8,8,8
 * ```
 */
export function inputGradientWithEpilogue<P extends ParameterTypes>(
  tensors: InputGradientTensors<BitTensor>,
  attributes: BitConv2dAttributes,
  epilogue: Epilogue<P>,
  args: EpilogueArguments<P>,
): void {
  if (isPointwiseConv2d(tensors.filter.shape, attributes)) pointwiseInputGradient(tensors, epilogue, args);
  else groupedInputGradient(tensors, attributes.window, epilogue, args);
}

const filterGradientOp = defineOp<[Tensor, BitTensor], [Tensor], BitConv2dAttributes & { filterShape: Shape }>({
  name: 'bitConv2dFilterGradient',
  accepts: [['f32'], ['bits']],
  outputs: (_, { filterShape }) => [{ dtype: 'f32', shape: filterShape }],
  reference([{ values: dy }, x], [{ values: df, shape: filterShape }], attributes) {
    const signs = signsOf(x);
    df.fill(0);
    forEachTap(
      x.shape,
      filterShape,
      attributes,
      (xAt, filterAt, yAt, channels) => {
        for (let c = 0; c < channels; c++) df[filterAt + c] += dy[yAt] * signs[xAt + c];
      },
      (filterAt, yAt, channels) => {
        // Padding with 'one' is a sign of +1.
        if (attributes.paddingValue === 'one') for (let c = 0; c < channels; c++) df[filterAt + c] += dy[yAt];
      },
    );
  },
  fast([dy, x], [df], attributes) {
    if (isPointwiseConv2d(df.shape, attributes)) {
      pointwiseFilterGradient(dy, x, df);
      return;
    }
    groupedFilterGradient(dy, x, df, attributes.window);
    if (attributes.paddingValue === 'zero') subtractBorderSums(dy, df, attributes.window);
  },
  webgpu: ([dy, x], [df], attributes) =>
    gpuKernels().filterGradientOnGpu(dy, x, df, attributes, attributes.paddingValue === 'one' ? 1 : 0),
  multiplyAdds: ([dy], [df]) => convolutionMultiplyAdds(dy, df.shape),
});

/** How far a window extends past its image along an axis: [before the first element, after the last]. */
function paddingOf({ input, output, taps, stride, dilation, before }: Slide): [number, number] {
  const end = (output - 1) * stride + (taps - 1) * dilation + 1;
  return [before, Math.max(0, end - before - input)];
}

/** The same window over an image that contains its padding. */
function overPadded(slide: Slide): Slide {
  const [before, after] = paddingOf(slide);
  return { ...slide, input: before + slide.input + after, before: 0 };
}
