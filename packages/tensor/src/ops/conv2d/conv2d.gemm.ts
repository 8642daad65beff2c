import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { gemm, type Matrix, transposed } from '../matmul/gemm.js';
import type { Slide } from '../window.js';
import type { Conv2dAttributes } from './conv2d.js';

/**
 * Convolution as matrix products, without copying patches (im2col).
 *
 * Along a run of output pixels, one tap of the kernel reads a run of input pixels a fixed step apart. For that tap
 * the three arrays are matrices with plain strides:
 *
 *     Y [pixels, filters]  +=  X [pixels, channels] · Fᵀ [channels, filters]
 *
 * and the gradients are the same product seen from the other two sides: dX += dY·F, dF += dYᵀ·X.
 */
interface TapProduct {
  readonly pixels: number;
  readonly filters: number;
  readonly channels: number;
  /** [pixels, channels] */
  readonly x: Matrix;
  /** [filters, channels] */
  readonly filter: Matrix;
  /** [pixels, filters] */
  readonly y: Matrix;
}

export function conv2dByGemm(x: Tensor, filter: Tensor, y: Tensor, attributes: Conv2dAttributes): void {
  y.values.fill(0);
  forEachTapProduct(x, filter, y, attributes, (tap) =>
    gemm(tap.pixels, tap.filters, tap.channels, tap.x, transposed(tap.filter), tap.y),
  );
}

export function conv2dInputGradientByGemm(dy: Tensor, filter: Tensor, dx: Tensor, attributes: Conv2dAttributes): void {
  dx.values.fill(0);
  forEachTapProduct(dx, filter, dy, attributes, (tap) =>
    gemm(tap.pixels, tap.channels, tap.filters, tap.y, tap.filter, tap.x),
  );
}

export function conv2dFilterGradientByGemm(dy: Tensor, x: Tensor, df: Tensor, attributes: Conv2dAttributes): void {
  df.values.fill(0);
  forEachTapProduct(x, df, dy, attributes, (tap) =>
    gemm(tap.filters, tap.channels, tap.pixels, transposed(tap.y), tap.x, tap.filter),
  );
}

function forEachTapProduct(
  x: Tensor,
  filter: Tensor,
  y: Tensor,
  { window, groups }: Conv2dAttributes,
  visit: (product: TapProduct) => void,
): void {
  const { shape: xShape, rows, columns } = longestRuns(x.shape, filter.shape, window.height, window.width);
  const [batch, height, width, inChannels] = xShape;
  const [outChannels, kernelHeight, kernelWidth, channels] = filter.shape;
  const filters = outChannels / groups;
  for (let ki = 0; ki < kernelHeight; ki++) {
    for (let kj = 0; kj < kernelWidth; kj++) {
      const [firstRow, endRow] = insideImage(rows, ki);
      const [firstColumn, endColumn] = insideImage(columns, kj);
      const pixels = endColumn - firstColumn;
      if (pixels <= 0) continue;
      for (let n = 0; n < batch; n++) {
        for (let i = firstRow; i < endRow; i++) {
          const row = i * rows.stride + ki * rows.dilation - rows.before;
          const column = firstColumn * columns.stride + kj * columns.dilation - columns.before;
          const xAt = ((n * height + row) * width + column) * inChannels;
          const yAt = ((n * rows.output + i) * columns.output + firstColumn) * outChannels;
          for (let group = 0; group < groups; group++) {
            visit({
              pixels,
              filters,
              channels,
              x: {
                values: x.values,
                offset: xAt + group * channels,
                rowStride: columns.stride * inChannels,
                columnStride: 1,
              },
              filter: {
                values: filter.values,
                offset: ((group * filters * kernelHeight + ki) * kernelWidth + kj) * channels,
                rowStride: kernelHeight * kernelWidth * channels,
                columnStride: 1,
              },
              y: { values: y.values, offset: yAt + group * filters, rowStride: outChannels, columnStride: 1 },
            });
          }
        }
      }
    }
  }
}

/** A 1×1 convolution of stride 1 sees no rows: all pixels of the batch are one run. */
function longestRuns(shape: Shape, [, kernelHeight, kernelWidth]: Shape, height: Slide, width: Slide) {
  const pointwise = kernelHeight === 1 && kernelWidth === 1 && height.stride === 1 && width.stride === 1;
  if (!pointwise || height.before > 0 || width.before > 0) return { shape, rows: height, columns: width };
  const pixels = shape[0] * shape[1] * shape[2];
  return {
    shape: [1, 1, pixels, shape[3]],
    rows: { ...height, input: 1, output: 1 },
    columns: { ...width, input: pixels, output: pixels },
  };
}

/** The outputs [first, end) whose tap `k` reads inside the image: 0 ≤ o·stride + k·dilation − before < input. */
function insideImage({ input, output, stride, dilation, before }: Slide, k: number): [number, number] {
  const shift = k * dilation - before;
  return [Math.max(0, Math.ceil(-shift / stride)), Math.min(output, Math.ceil((input - shift) / stride))];
}
