import type { Tensor } from '../../tensor.js';
import { gemm, type Matrix, transposed } from '../matmul/gemm.js';
import { isPointwise, locateTaps, type Window } from '../window.js';
import type { Conv2dAttributes } from './conv2d.js';

/**
 * Convolution as matrix products (im2col). What an output pixel sees of its group is copied into one row, tap after tap:
 *
 *     Y [pixels, filters] = patches(X) [pixels, taps·channels] · Fᵀ [taps·channels, filters]
 *
 * and the gradients are the same product seen from the other two sides: patches(dX) = dY·F, each of whose elements is
 * added to the pixel that it was copied from, and dF = dYᵀ·patches(X).
 *
 * Patches are made for a chunk of pixels at a time, which stays in the cache. A 1×1 convolution of stride 1 needs none:
 * its patches are the pixels themselves.
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

/** A chunk of patches takes about so many floats, but has at least so many pixels. */
const chunkSize = 16384;
const leastPixels = 64;

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
  const needsPatches = !isPointwise(window);
  const chunk = needsPatches ? Math.min(allPixels, Math.max(leastPixels, Math.floor(chunkSize / depth))) : allPixels;
  const patches = needsPatches ? new Patches(x, channels, depth, chunk, attributes) : null;

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
  readonly #inChannels: number;
  readonly #channels: number;
  readonly #window: Window;
  readonly #matrix: Matrix;
  /** For each output pixel and tap the input pixel; −1 in the padding. */
  readonly #taps: Int32Array;
  #tapCount = 0;

  constructor(x: Tensor, channels: number, depth: number, pixels: number, { window }: Conv2dAttributes) {
    this.#image = x.values;
    this.#inChannels = x.shape[3];
    this.#channels = channels;
    this.#window = window;
    this.#matrix = { values: new Float32Array(pixels * depth), offset: 0, rowStride: depth, columnStride: 1 };
    this.#taps = new Int32Array((pixels * depth) / channels);
  }

  /** Moves to the output pixels [first, first + pixels), counted through the whole batch. */
  locate(first: number, pixels: number): void {
    this.#tapCount = locateTaps(this.#window, first, pixels, this.#taps);
  }

  gather(group: number): Matrix {
    const { values } = this.#matrix;
    const image = this.#image;
    const channels = this.#channels;
    let at = 0;
    for (let tap = 0; tap < this.#tapCount; tap++) {
      const pixel = this.#taps[tap];
      let from = (pixel * this.#inChannels + group * channels) | 0;
      if (pixel < 0) for (let c = 0; c < channels; c++) values[at++] = 0;
      else for (let c = 0; c < channels; c++) values[at++] = image[from++];
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
      const pixel = this.#taps[tap];
      let to = (pixel * this.#inChannels + group * channels) | 0;
      if (pixel < 0) at += channels;
      else for (let c = 0; c < channels; c++) image[to++] += values[at++];
    }
  }
}
