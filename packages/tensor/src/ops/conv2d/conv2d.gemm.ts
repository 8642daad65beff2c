import type { Tensor } from '../../tensor.js';
import { gemm, type Matrix, transposed } from '../matmul/gemm.js';
import type { Conv2dAttributes } from './conv2d.js';

/**
 * Convolution as matrix products (im2col). What an output pixel sees of its group is copied into one row, tap after tap:
 *
 *     Y [pixels, filters] = patches(X) [pixels, taps·channels] · Fᵀ [taps·channels, filters]
 *
 * and the gradients are the same product seen from the other two sides: patches(dX) = dY·F, each of whose elements is
 * added to the pixel that it was copied from, and dF = dYᵀ·patches(X).
 *
 * It goes by chunks of pixels that stay in the cache. A 1×1 convolution of stride 1 copies nothing: its patches are the
 * pixels themselves.
 */
export function conv2dByGemm(x: Tensor, filter: Tensor, y: Tensor, attributes: Conv2dAttributes): void {
  y.values.fill(0);
  forEachProduct(x, filter, y, attributes, (product) => {
    const { pixels, filters, depth } = product;
    gemm(pixels, filters, depth, product.gather(), transposed(product.filter), product.y);
  });
}

export function conv2dInputGradientByGemm(dy: Tensor, filter: Tensor, dx: Tensor, attributes: Conv2dAttributes): void {
  dx.values.fill(0);
  forEachProduct(dx, filter, dy, attributes, (product) => {
    const { pixels, filters, depth } = product;
    gemm(pixels, depth, filters, product.y, product.filter, product.zeros());
    product.scatter();
  });
}

export function conv2dFilterGradientByGemm(dy: Tensor, x: Tensor, df: Tensor, attributes: Conv2dAttributes): void {
  df.values.fill(0);
  forEachProduct(x, df, dy, attributes, (product) => {
    const { pixels, filters, depth } = product;
    gemm(filters, depth, pixels, transposed(product.y), product.gather(), product.filter);
  });
}

/** The part of a convolution that one group has in one chunk of output pixels. */
interface Product {
  readonly pixels: number;
  readonly filters: number;
  /** taps · channels */
  readonly depth: number;
  /** [filters, depth] */
  readonly filter: Matrix;
  /** [pixels, filters] */
  readonly y: Matrix;
  /** Copies the patches of x. [pixels, depth] */
  gather(): Matrix;
  /** Patches of zeros, to be filled, then added to x by `scatter()`. [pixels, depth] */
  zeros(): Matrix;
  scatter(): void;
}

/** Floats in a chunk of patches: half of a typical first-level cache. */
const chunkSize = 6144;

function forEachProduct(
  x: Tensor,
  filter: Tensor,
  y: Tensor,
  attributes: Conv2dAttributes,
  visit: (product: Product) => void,
): void {
  const { groups, window } = attributes;
  const [outChannels, kernelHeight, kernelWidth, channels] = filter.shape;
  const inChannels = x.shape[3];
  const filters = outChannels / groups;
  const depth = kernelHeight * kernelWidth * channels;
  const allPixels = y.size / outChannels;
  const isPointwise = [window.height, window.width].every(
    (s) => s.taps === 1 && s.stride === 1 && s.output === s.input,
  );
  const chunk = Math.min(allPixels, Math.max(4, Math.floor(chunkSize / depth)));
  const patches = isPointwise ? null : new Patches(x, channels, depth, chunk, attributes);

  for (let first = 0; first < allPixels; first += chunk) {
    const pixels = Math.min(chunk, allPixels - first);
    patches?.locate(first, pixels);
    for (let group = 0; group < groups; group++) {
      const pixelValues: Matrix = {
        values: x.values,
        offset: first * inChannels + group * channels,
        rowStride: inChannels,
        columnStride: 1,
      };
      visit({
        pixels,
        filters,
        depth,
        filter: { values: filter.values, offset: group * filters * depth, rowStride: depth, columnStride: 1 },
        y: { values: y.values, offset: first * outChannels + group * filters, rowStride: outChannels, columnStride: 1 },
        gather: () => patches?.gather(group) ?? pixelValues,
        zeros: () => patches?.zeros() ?? pixelValues,
        scatter: () => patches?.scatter(group),
      });
    }
  }
}

/** A chunk of patches, and where in the image each of their taps lies. */
class Patches {
  readonly #image: Float32Array;
  readonly #channels: number;
  readonly #shape: { readonly height: number; readonly width: number; readonly inChannels: number };
  readonly #attributes: Conv2dAttributes;
  readonly #matrix: Matrix;
  /** For each pixel and tap, where its first channel is in the image; −1 in the padding. */
  readonly #taps: Int32Array;
  #tapCount = 0;

  constructor(x: Tensor, channels: number, depth: number, pixels: number, attributes: Conv2dAttributes) {
    const [, height, width, inChannels] = x.shape;
    this.#image = x.values;
    this.#channels = channels;
    this.#shape = { height, width, inChannels };
    this.#attributes = attributes;
    this.#matrix = { values: new Float32Array(pixels * depth), offset: 0, rowStride: depth, columnStride: 1 };
    this.#taps = new Int32Array((pixels * depth) / channels);
  }

  /** Moves to the output pixels [first, first + pixels), counted through the whole batch. */
  locate(first: number, pixels: number): void {
    const { height: vertical, width: horizontal } = this.#attributes.window;
    const { height, width, inChannels } = this.#shape;
    let at = 0;
    for (let pixel = first; pixel < first + pixels; pixel++) {
      const j = pixel % horizontal.output;
      const i = Math.floor(pixel / horizontal.output) % vertical.output;
      const n = Math.floor(pixel / (horizontal.output * vertical.output));
      for (let ki = 0; ki < vertical.taps; ki++) {
        const row = i * vertical.stride + ki * vertical.dilation - vertical.before;
        for (let kj = 0; kj < horizontal.taps; kj++) {
          const column = j * horizontal.stride + kj * horizontal.dilation - horizontal.before;
          const isInside = row >= 0 && row < height && column >= 0 && column < width;
          this.#taps[at++] = isInside ? ((n * height + row) * width + column) * inChannels : -1;
        }
      }
    }
    this.#tapCount = at;
  }

  gather(group: number): Matrix {
    const { values } = this.#matrix;
    const image = this.#image;
    const channels = this.#channels;
    let at = 0;
    for (let tap = 0; tap < this.#tapCount; tap++) {
      const from = this.#taps[tap];
      if (from < 0) for (let c = 0; c < channels; c++) values[at++] = 0;
      else for (let c = from + group * channels, end = c + channels; c < end; c++) values[at++] = image[c];
    }
    return this.#matrix;
  }

  zeros(): Matrix {
    this.#matrix.values.fill(0);
    return this.#matrix;
  }

  /** Adds every element to the one that it stands for; where patches overlap, sums collect. */
  scatter(group: number): void {
    const { values } = this.#matrix;
    const image = this.#image;
    const channels = this.#channels;
    let at = 0;
    for (let tap = 0; tap < this.#tapCount; tap++) {
      const to = this.#taps[tap];
      if (to < 0) at += channels;
      else for (let c = to + group * channels, end = c + channels; c < end; c++) image[c] += values[at++];
    }
  }
}
