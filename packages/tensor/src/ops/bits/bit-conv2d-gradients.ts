import type { Argument, ParameterTypes } from '../../backends/cpu/kernel.js';
import type { BitTensor } from '../../bit-tensor.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import { tidy } from '../../scope.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { forEachTap } from '../conv2d/conv2d.js';
import { convolutionMultiplyAdds } from '../conv2d/conv2d-attributes.js';
import { conv2dFilterGradient, conv2dInputGradient } from '../conv2d/conv2d-gradients.js';
import { mul } from '../elementwise/binary.js';
import { pad } from '../shape/pad.js';
import { reshape } from '../shape/reshape.js';
import { isPointwise, type Slide } from '../window.js';
import type { BitConv2dAttributes } from './bit-conv2d-attributes.js';
import { filterGradientByLookup, inputGradientByLookup } from './bit-gradients.wasm.js';
import { signsOf } from './each-bit.js';
import { type Epilogue, noEpilogue } from './epilogue.wasm.js';
import { groupedFilterGradient } from './grouped-filter-gradient.wasm.js';
import { groupedInputGradient } from './grouped-input-gradient.wasm.js';
import { hasGroupedLookup } from './grouped-lookup.js';
import { unpackBits } from './pack-bits.js';

/**
 * ∂L/∂x of `bitConv2d` by the signs of x: f32 of shape `xShape`. The border is constant, so it takes no part.
 * Straight-through estimators pass it on to the numbers behind the signs.
 *
 * @param scale [outChannels] A factor that each filter's output was multiplied by afterwards, if there was one.
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

/** ∂L/∂filter of `bitConv2d` by the signs of the filter: f32 of shape `filterShape`. A border of +1 counts. */
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
    const bordered = pad(signs, [[0, 0], borders(height), borders(width), [0, 0]], 1);
    const window = { height: overPadded(height), width: overPadded(width) };
    return conv2dFilterGradient(dy, bordered, filterShape, { ...attributes, window });
  });
}

/**
 * Whether lookup tables make the gradients of such a convolution: of 1×1 filters, and of small groups. All others multiply
 * floats ±1.
 */
export function hasLookup(filter: Shape, attributes: BitConv2dAttributes): boolean {
  return isDense(filter, attributes) || hasGroupedLookup(filter, attributes);
}

function isDense([, height, width]: Shape, { groups, window }: BitConv2dAttributes): boolean {
  return groups === 1 && height === 1 && width === 1 && isPointwise(window);
}

/** The scale may be left out. */
type InputGradientInputs = readonly [dy: Tensor, filter: BitTensor, ...scale: Tensor[]];

const inputGradientOp = defineOp<InputGradientInputs, [Tensor], BitConv2dAttributes & { xShape: Shape }>({
  name: 'bitConv2dInputGradient',
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
    inputGradientWithEpilogue(dy, filter, scale, dx, attributes, noEpilogue, {}),
  webgpu: ([dy, filter, ...[scale]], [dx], attributes) =>
    gpuKernels().inputGradientOnGpu(dy, filter, scale ?? null, dx, attributes),
  multiplyAdds: ([dy, filter]) => convolutionMultiplyAdds(dy, filter.shape),
});

/** `bitConv2dInputGradient` of a convolution that `hasLookup`, into dx by way of an epilogue. */
export function inputGradientWithEpilogue<P extends ParameterTypes>(
  dy: Tensor,
  filter: BitTensor,
  scale: Tensor | undefined,
  dx: Tensor,
  attributes: BitConv2dAttributes,
  epilogue: Epilogue<P>,
  args: { readonly [K in keyof P]: Argument },
): void {
  const scaleAt = scale ? scale.address : null;
  if (isDense(filter.shape, attributes)) {
    const [filters, , , channels] = filter.shape;
    const product = { pixels: dx.size / channels, filters, channels };
    inputGradientByLookup(product, dy.address, filter.address, scaleAt, dx.address, epilogue, args);
  } else {
    const shapes = [dx.shape, filter.shape] as const;
    groupedInputGradient(...shapes, attributes, dy.address, filter.address, scaleAt, dx.address, epilogue, args);
  }
}

const filterGradientOp = defineOp<[Tensor, BitTensor], [Tensor], BitConv2dAttributes & { filterShape: Shape }>({
  name: 'bitConv2dFilterGradient',
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
        // The border is +1.
        if (attributes.paddingValue === 'one') for (let c = 0; c < channels; c++) df[filterAt + c] += dy[yAt];
      },
    );
  },
  fast([dy, x], [df], attributes) {
    const { filterShape } = attributes;
    if (isDense(filterShape, attributes)) {
      const [filters, , , channels] = filterShape;
      filterGradientByLookup({ pixels: x.size / channels, filters, channels }, dy.address, x.address, df.address);
    } else groupedFilterGradient(x.shape, filterShape, attributes, dy.address, x.address, df.address);
  },
  webgpu: ([dy, x], [df], attributes) =>
    gpuKernels().filterGradientOnGpu(dy, x, df, attributes, attributes.paddingValue === 'one' ? 1 : 0),
  multiplyAdds: ([dy], [df]) => convolutionMultiplyAdds(dy, df.shape),
});

/** How far a window reaches beyond its image, [before the first element, after the last]. */
function borders({ input, output, taps, stride, dilation, before }: Slide): [number, number] {
  const end = (output - 1) * stride + (taps - 1) * dilation + 1;
  return [before, Math.max(0, end - before - input)];
}

/** The same window over the image with its borders made real. */
function overPadded(slide: Slide): Slide {
  const [before, after] = borders(slide);
  return { ...slide, input: before + slide.input + after, before: 0 };
}
