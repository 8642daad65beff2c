import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel, kernelFamily } from '../../backends/cpu/kernel.js';
import { floatsAt } from '../../backends/cpu/memory.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { f32x4, forRange, i32, store } from '../../wasm/assembler.js';
import { sumBlocks } from '../rows.wasm.js';
import { forEachPixel, reverseTapAddress, tapAddress, windowArguments, windowParameters } from '../window.wasm.js';
import type { Conv2dAttributes } from './conv2d.js';

// Depth-wise convolution, directly: every channel has a filter of its own, so four channels are four lanes, and a tap is one
// multiply-add. There is no reuse that a product of matrices could draw on.

/** Whether every channel is a group of its own, with one filter, and channels come in fours. */
export function isDepthwise([outChannels, , , channels]: Shape, { groups }: Conv2dAttributes): boolean {
  return channels === 1 && outChannels === groups && groups % 4 === 0;
}

export function depthwise(x: Tensor, filter: Tensor, y: Tensor, { window }: Conv2dAttributes): void {
  const pixels = y.size / y.shape[3];
  withFilterByTap(filter, (byTap, border) => {
    const args = { x, y, filter: byTap, border, pixelBytes: 4 * x.shape[3], ...windowArguments(window) };
    kernelFor(filter, 'forward').run(args, pixels, { grain: grainOf(pixels, filter) });
  });
}

/** dx collects what each tap sent on. */
export function depthwiseInputGradient(dy: Tensor, filter: Tensor, dx: Tensor, { window }: Conv2dAttributes): void {
  const pixels = dx.size / dx.shape[3];
  withFilterByTap(filter, (byTap, border) => {
    const args = { x: dy, y: dx, filter: byTap, border, pixelBytes: 4 * dx.shape[3], ...windowArguments(window) };
    kernelFor(filter, 'backward').run(args, pixels, { grain: grainOf(pixels, filter) });
  });
}

/** Pixels whose products are summed up at a time. */
const blockPixels = 256;

export function depthwiseFilterGradient(dy: Tensor, x: Tensor, df: Tensor, { window }: Conv2dAttributes): void {
  const [channels, kernelHeight, kernelWidth] = df.shape;
  const taps = kernelHeight * kernelWidth;
  const pixels = dy.size / channels;
  const blocks = Math.ceil(pixels / blockPixels);
  withTemporary(4 * channels * (taps * blocks + 1), (sums) => {
    const border = sums + 4 * channels * taps * blocks;
    floatsAt(border, channels).fill(0);
    const args = { x, dy, sums, border, pixels, pixelBytes: 4 * channels, ...windowArguments(window) };
    filterGradientKernel(kernelHeight, kernelWidth).run(args, blocks, { grain: 1, scratch: 4 * taps * blockPixels });
    const total = sumBlocks('f32', sums, blocks, channels * taps);
    const values = df.values;
    for (let c = 0; c < channels; c++) {
      for (let tap = 0; tap < taps; tap++) values[c * taps + tap] = total[tap * channels + c];
    }
  });
}

const grainOf = (pixels: number, { size }: Tensor): number => chunksOf(pixels, 10 + size * 0.15);

/** The filter as [taps, channels], and a pixel of zeros. */
function withFilterByTap(filter: Tensor, use: (byTap: number, border: number) => void): void {
  const [channels, kernelHeight, kernelWidth] = filter.shape;
  const taps = kernelHeight * kernelWidth;
  withTemporary(4 * channels * (taps + 1), (byTap) => {
    const target = floatsAt(byTap, channels * (taps + 1));
    const { values } = filter;
    for (let c = 0; c < channels; c++) {
      for (let tap = 0; tap < taps; tap++) target[tap * channels + c] = values[c * taps + tap];
    }
    target.fill(0, channels * taps);
    use(byTap, byTap + 4 * channels * taps);
  });
}

type Direction = 'forward' | 'backward';

const kernelFor = ({ shape: [, height, width] }: Tensor, direction: Direction) =>
  depthwiseKernel(height, width, direction);

const parameters = { x: i32, y: i32, filter: i32, border: i32, pixelBytes: i32, ...windowParameters };

/** Each output pixel, or each pixel of dx, is the sum over the taps of what they read times the filter. */
const depthwiseKernel = kernelFamily(
  (kernelHeight: number, kernelWidth: number, direction: Direction) =>
    new Kernel(`f32_depthwise_${kernelHeight}x${kernelWidth}_${direction}__madd`, parameters, (p, from, to) => {
      const taps = tapsOf(kernelHeight, kernelWidth);
      const sources = taps.map((_, tap) => i32.variable(undefined, `tap${tap}`));
      const [height, width] = direction === 'forward' ? [p.outHeight, p.outWidth] : [p.height, p.width];
      forEachPixel(height, width, from, to, (n, row, column, pixel) => {
        taps.forEach((tap, index) => {
          const address = direction === 'forward' ? tapAddress : reverseTapAddress;
          sources[index].set(address(p, [n, row, column], tap));
        });
        const target = i32.variable(p.y.add(pixel.mul(p.pixelBytes)), 'target');
        const weights = i32.variable(p.filter, 'weights');
        forRange(0, p.pixelBytes, 16, () => {
          const weight = i32.variable(weights, 'weight');
          const sum = f32x4.variable(0, 'sum');
          sources.forEach((source, index) => {
            sum.set(sum.addMul(f32x4.load(source), f32x4.load(weight)));
            if (index + 1 < sources.length) weight.set(weight.add(p.pixelBytes));
          });
          store(target, sum);
          for (const at of [...sources, target, weights]) at.set(at.add(16));
        });
      });
    }),
);

/** For each block of output pixels, each tap and channel: Σ dy · what the tap read. */
const filterGradientKernel = kernelFamily(
  (kernelHeight: number, kernelWidth: number) =>
    new Kernel(
      `f32_depthwise_filter_gradient_${kernelHeight}x${kernelWidth}__madd`,
      { x: i32, dy: i32, sums: i32, border: i32, pixels: i32, pixelBytes: i32, ...windowParameters },
      (p, from, to, scratch) => {
        const taps = tapsOf(kernelHeight, kernelWidth);
        forRange(from, to, 1, (block) => {
          const first = i32.variable(block.mul(blockPixels), 'first');
          const end = i32.variable(first.add(blockPixels).min(p.pixels), 'end');
          // Where the taps of each pixel read, once for all channels.
          const tapAt = i32.variable(scratch, 'tapAt');
          forEachPixel(p.outHeight, p.outWidth, first, end, (n, i, j) => {
            taps.forEach((tap, index) => {
              store(tapAt, tapAddress(p, [n, i, j], tap), 4 * index);
            });
            tapAt.set(tapAt.add(4 * taps.length));
          });
          const target = i32.variable(p.sums.add(block.mul(taps.length).mul(p.pixelBytes)), 'target');
          forRange(0, p.pixelBytes, 16, (offset) => {
            const sums = taps.map((_, tap) => f32x4.variable(0, `sum${tap}`));
            const dyAt = i32.variable(p.dy.add(first.mul(p.pixelBytes)).add(offset), 'dyAt');
            const at = i32.variable(scratch, 'at');
            forRange(first, end, 1, () => {
              const dy = f32x4.variable(f32x4.load(dyAt), 'dy');
              sums.forEach((sum, tap) => {
                sum.set(sum.addMul(dy, f32x4.load(i32.load(at, 4 * tap).add(offset))));
              });
              at.set(at.add(4 * taps.length));
              dyAt.set(dyAt.add(p.pixelBytes));
            });
            const to = i32.variable(target.add(offset), 'to');
            for (const sum of sums) {
              store(to, sum);
              to.set(to.add(p.pixelBytes));
            }
          });
        });
      },
    ),
);

/** The taps of a window, row by row. */
export function tapsOf(kernelHeight: number, kernelWidth: number): [ki: number, kj: number][] {
  return Array.from({ length: kernelHeight * kernelWidth }, (_, tap) => [
    Math.floor(tap / kernelWidth),
    tap % kernelWidth,
  ]);
}
