import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { floatsAt } from '../../backends/cpu/memory.js';
import { memoize } from '../../backends/memoize.js';
import type { Tensor } from '../../tensor.js';
import { f32, f32x4, forRange, type I32, i32, select, store, type Variable, when } from '../../wasm/assembler.js';
import { gemm, type Matrix, transposed } from '../matmul/gemm.wasm.js';
import { isPointwise } from '../window.js';
import {
  forEachPixel,
  reverseTapAddress,
  tapAddress,
  tapsOf,
  windowArguments,
  windowParameters,
} from '../window.wasm.js';
import type { Conv2dAttributes } from './conv2d-attributes.js';

/**
 * Convolution as matrix products (im2col). The inputs of an output pixel within its group, its patch, are copied into
 * one row, tap after tap:
 *
 *     Y [pixels, filters] = patches(X) [pixels, taps·channels] · Fᵀ [taps·channels, filters]
 *
 * The gradients are matrix products as well: patches(dX) = dY·F, each element of which is added to the pixel that it
 * was copied from, and dF = dYᵀ·patches(X).
 *
 * Patches are made for a few images at a time. A 1×1 convolution of stride 1 needs none: its patches are the pixels.
 */
export function conv2dByGemm(x: Tensor, filter: Tensor, y: Tensor, attributes: Conv2dAttributes): void {
  forEachProduct(x, filter, y, attributes, ({ pixels, filters, depth, ...product }) => {
    gemm({ m: pixels, n: filters, k: depth }, product.gather(), transposed(product.filter), product.y);
  });
}

/** ∂L/∂x of `conv2d`. */
export function conv2dInputGradientByGemm(dy: Tensor, filter: Tensor, dx: Tensor, attributes: Conv2dAttributes): void {
  forEachProduct(dx, filter, dy, attributes, ({ pixels, filters, depth, ...product }) => {
    gemm({ m: pixels, n: depth, k: filters }, product.y, product.filter, product.patches);
    product.scatter();
  });
}

/** ∂L/∂filter of `conv2d`. */
export function conv2dFilterGradientByGemm(dy: Tensor, x: Tensor, df: Tensor, attributes: Conv2dAttributes): void {
  forEachProduct(x, df, dy, attributes, ({ pixels, filters, depth, ...product }) => {
    const size = { m: filters, n: depth, k: pixels };
    gemm(size, transposed(product.y), product.gather(), product.filter, { adds: product.image > 0 });
  });
}

/** The part of a convolution for one group and some of the images. */
interface Product {
  /** The first of the images. */
  readonly image: number;
  /** Number of output pixels in these images. */
  readonly pixels: number;
  readonly filters: number;
  /** taps · channels */
  readonly depth: number;
  /** [filters, depth] */
  readonly filter: Matrix;
  /** [pixels, filters] */
  readonly y: Matrix;
  /** [pixels, depth]. For a 1×1 convolution, the pixels of x. */
  readonly patches: Matrix;
  /** Copies x into the patches, and returns them. */
  gather(): Matrix;
  /** Adds up the patches in the pixels of x. */
  scatter(): void;
}

/** Target size of the patches that are made at a time, in bytes. */
const patchBytes = 1 << 23;

/** Visits the matrix products of a convolution: batches of images, and the groups of each. */
function forEachProduct(
  x: Tensor,
  filter: Tensor,
  y: Tensor,
  { groups, window }: Conv2dAttributes,
  visit: (product: Product) => void,
): void {
  const [outChannels, kernelHeight, kernelWidth, channels] = filter.shape;
  const [batch, height, width, inChannels] = x.shape;
  const filters = outChannels / groups;
  const depth = kernelHeight * kernelWidth * channels;
  const needsPatches = !isPointwise(window);
  const [pixelsPerImage, inPixelsPerImage] = [y.size / batch / outChannels, height * width];
  // Copies extend to the end of a vector, and the next tap overwrites the excess.
  const patchStride = needsPatches ? depth + 3 : inChannels;
  const imagesPerPass = needsPatches
    ? Math.max(1, Math.min(batch, Math.floor(patchBytes / (4 * patchStride * pixelsPerImage))))
    : batch;
  const patchesLength = needsPatches ? 4 * patchStride * pixelsPerImage * imagesPerPass : 0;
  const borderLength = kernelWidth * channels + 4;
  withTemporary(patchesLength + 4 * borderLength, (temporary) => {
    const border = temporary + patchesLength;
    floatsAt(border, borderLength).fill(0);
    for (let image = 0; image < batch; image += imagesPerPass) {
      const images = Math.min(imagesPerPass, batch - image);
      const pixels = images * pixelsPerImage;
      for (let group = 0; group < groups; group++) {
        const xAt = x.address + 4 * (image * inPixelsPerImage * inChannels + group * channels);
        const yAt = y.address + 4 * (image * pixelsPerImage * outChannels + group * filters);
        const patches = { address: needsPatches ? temporary : xAt, rowStride: patchStride, columnStride: 1 };
        const args = {
          x: xAt,
          patches: temporary,
          border,
          channels,
          pixelBytes: 4 * inChannels,
          patchBytes: 4 * patchStride,
          ...windowArguments(window),
        };
        const kernel = patchKernels(kernelHeight, kernelWidth);
        visit({
          image,
          pixels,
          filters,
          depth,
          patches,
          filter: {
            address: filter.address + 4 * group * filters * depth,
            rowStride: depth,
            columnStride: 1,
          },
          y: { address: yAt, rowStride: outChannels, columnStride: 1 },
          gather() {
            if (needsPatches) kernel.gather.run(args, pixels, { grain: chunksOf(pixels, 3 + depth / 4) });
            return patches;
          },
          scatter() {
            const inPixels = images * inPixelsPerImage;
            if (needsPatches) kernel.scatter.run(args, inPixels, { grain: chunksOf(inPixels, 3 + depth / 4) });
          },
        });
      }
    }
  });
}

const parameters = {
  x: i32,
  patches: i32,
  border: i32,
  channels: i32,
  pixelBytes: i32,
  patchBytes: i32,
  ...windowParameters,
};

const patchKernels = (kernelHeight: number, kernelWidth: number) => ({
  gather: gatherKernel(kernelHeight, kernelWidth),
  scatter: scatterKernel(kernelHeight, kernelWidth),
});

/** Copies the patch of each output pixel into its row. */
const gatherKernel = memoize(
  (kernelHeight: number, kernelWidth: number) =>
    new Kernel(`f32_patches_${kernelHeight}x${kernelWidth}`, parameters, (p, from, to) => {
      const tapBytes = i32.variable(p.channels.mul(4), 'tapBytes');
      const rowBytes = i32.variable(tapBytes.mul(kernelWidth), 'rowBytes');
      // Taps in a row that are contiguous in memory are copied together, unless some lie outside the image.
      const areJoined = i32.variable(p.dilationX.eq(1).and(p.pixelBytes.eq(tapBytes)), 'areJoined');
      forEachPixel(p.outHeight, p.outWidth, from, to, (n, i, j, pixel) => {
        const target = i32.variable(p.patches.add(pixel.mul(p.patchBytes)), 'target');
        const copy = (tap: readonly [number, number], bytes: I32): void => {
          const source = i32.variable(tapAddress(p, [n, i, j], tap), 'source');
          forRange(0, bytes, 16, (offset) => store(target.add(offset), f32x4.load(source.add(offset))));
          target.set(target.add(bytes));
        };
        const firstColumn = i32.variable(j.mul(p.strideX).sub(p.left), 'firstColumn');
        const isWithin = firstColumn.geS(0).and(firstColumn.add(kernelWidth - 1).ltS(p.width));
        when(
          areJoined.and(isWithin),
          () => {
            for (let ki = 0; ki < kernelHeight; ki++) copy([ki, 0], rowBytes);
          },
          () => {
            for (const tap of tapsOf(kernelHeight, kernelWidth)) copy(tap, tapBytes);
          },
        );
      });
    }),
);

/** The reverse: each pixel of x sums its copies in the patches. */
const scatterKernel = memoize(
  (kernelHeight: number, kernelWidth: number) =>
    new Kernel(`f32_unpatch_${kernelHeight}x${kernelWidth}`, parameters, (p, from, to) => {
      const tapBytes = i32.variable(p.channels.mul(4), 'tapBytes');
      const whole = i32.variable(tapBytes.and(-16), 'whole');
      const taps = tapsOf(kernelHeight, kernelWidth);
      const sources = taps.map((_, tap) => i32.variable(undefined, `tap${tap}`));
      forEachPixel(p.height, p.width, from, to, (n, row, column, pixel) => {
        // The patches are read and the pixels of x are written, so the patches are the x of reverseTapAddress.
        const patches = { ...p, x: p.patches, pixelBytes: p.patchBytes };
        taps.forEach((tap, index) => {
          const patch = i32.variable(reverseTapAddress(patches, [n, row, column], tap), 'patch');
          sources[index].set(select(patch.eq(p.border), patch, patch.add(tapBytes.mul(index))));
        });
        const target = i32.variable(p.x.add(pixel.mul(p.pixelBytes)), 'target');
        forRange(0, whole, 16, (offset) =>
          store(
            target.add(offset),
            sumOf(sources, (at) => f32x4.load(at.add(offset))),
          ),
        );
        forRange(whole, tapBytes, 4, (offset) =>
          store(
            target.add(offset),
            sumOf(sources, (at) => f32.load(at.add(offset))),
          ),
        );
      });
    }),
);

function sumOf<V extends { add(b: V): V }>(addresses: readonly Variable<I32>[], load: (address: I32) => V): V {
  return addresses.map(load).reduce((sum, value) => sum.add(value));
}
