import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel, type KernelParameters } from '../../backends/cpu/kernel.js';
import { floatsAt } from '../../backends/cpu/memory.js';
import { memoize } from '../../backends/memoize.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import {
  f32x4,
  forRange,
  type I32,
  i32,
  store,
  transpose4x4,
  type Variable,
  when,
  whileTrue,
} from '../../wasm/assembler.js';
import { sumBlocks } from '../rows.wasm.js';
import {
  forEachPixel,
  reverseTapAddress,
  storeTapAddresses,
  tapAddress,
  tapsOf,
  windowArguments,
  windowParameters,
} from '../window.wasm.js';
import type { Conv2dAttributes } from './conv2d-attributes.js';

// Direct depth-wise convolution. Each channel has a filter of its own, so four channels fill four lanes and a tap is a
// single multiply-add. There is no reuse of operands that a matrix product could exploit.

/** Whether every channel is a group of its own with one filter, and the number of channels is a multiple of 4. */
export function isDepthwise([outChannels, , , channels]: Shape, { groups }: Conv2dAttributes): boolean {
  return channels === 1 && outChannels === groups && groups % 4 === 0;
}

/** `conv2d`. */
export function depthwise(x: Tensor, filter: Tensor, y: Tensor, { window }: Conv2dAttributes): void {
  const [channels, kernelHeight, kernelWidth] = filter.shape;
  const [, , outWidth] = y.shape;
  const lines = y.size / channels / Math.max(1, outWidth);
  withFilterByTap(filter, window.width.stride + (kernelWidth - 1) * window.width.dilation + 1, (byTap, border) => {
    const args = { x, y, filter: byTap, border, pixelBytes: 4 * channels, ...windowArguments(window) };
    const { stride, dilation } = window.width;
    const kernel = forwardKernel(kernelHeight, kernelWidth, stride, dilation, channels);
    kernel.run(args, lines, { grain: chunksOf(lines, outWidth * nanosecondsPerPixel(filter)) });
  });
}

/** ∂L/∂x of `conv2d`: each pixel of dx sums what the taps send back to it. */
export function depthwiseInputGradient(dy: Tensor, filter: Tensor, dx: Tensor, { window }: Conv2dAttributes): void {
  const [channels, kernelHeight, kernelWidth] = filter.shape;
  const pixels = dx.size / channels;
  withFilterByTap(filter, 1, (byTap, border) => {
    const args = { x: dy, y: dx, filter: byTap, border, pixelBytes: 4 * channels, ...windowArguments(window) };
    const grain = chunksOf(pixels, nanosecondsPerPixel(filter));
    backwardKernel(kernelHeight, kernelWidth).run(args, pixels, { grain });
  });
}

/** Pixels per partial sum. */
const blockPixels = 256;

/** ∂L/∂filter of `conv2d`. */
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

const nanosecondsPerPixel = ({ size }: Tensor): number => 10 + size * 0.15;

/**
 * Calls `use` with the address of the filter as [taps, channels], and of a border of `borderPixels` pixels of zeros.
 */
function withFilterByTap(filter: Tensor, borderPixels: number, use: (byTap: number, border: number) => void): void {
  const [channels, kernelHeight, kernelWidth] = filter.shape;
  const taps = kernelHeight * kernelWidth;
  withTemporary(4 * channels * (taps + borderPixels), (byTap) => {
    const border = byTap + 4 * channels * taps;
    floatsAt(border, channels * borderPixels).fill(0);
    byTapKernel(taps).run({ filter, byTap, tapBytes: 4 * channels }, channels / 4);
    use(byTap, border);
  });
}

/** Transposes [channels, taps] in squares of four by four. The last square may overlap the one before. */
const byTapKernel = memoize(
  (taps: number) =>
    new Kernel(`f32_taps_first_${taps}`, { filter: i32, byTap: i32, tapBytes: i32 }, (p, from, to) => {
      const source = i32.variable(p.filter.add(from.mul(16 * taps)), 'source');
      const target = i32.variable(p.byTap.add(from.mul(16)), 'target');
      forRange(from, to, 1, () => {
        for (let first = 0; first < taps; first += 4) {
          const start = Math.max(0, Math.min(first, taps - 4));
          const channels = [0, 1, 2, 3].map((c) => f32x4.variable(f32x4.load(source, 4 * (c * taps + start))));
          transpose4x4(channels)
            .slice(0, taps)
            .forEach((tap, index) => {
              store(target.add(p.tapBytes.mul(start + index)), tap);
            });
        }
        source.set(source.add(16 * taps));
        target.set(target.add(16));
      });
    }),
);

const parameters = { x: i32, y: i32, filter: i32, border: i32, pixelBytes: i32, ...windowParameters };

type KernelSize = readonly [height: number, width: number];

/** Each output pixel is the sum over the taps of pixel times filter. The items are rows of output pixels. */
const forwardKernel = memoize(
  (kernelHeight: number, kernelWidth: number, strideX: number, dilationX: number, channels: number) =>
    new Kernel(
      `f32_depthwise_${kernelHeight}x${kernelWidth}_${strideX}_${dilationX}_${channels}__madd`,
      parameters,
      (p, from, to) => {
        const sumTaps = tapSummer(p, [kernelHeight, kernelWidth], tapAddress);
        const rows = Array.from({ length: kernelHeight }, (_, ki) => i32.variable(undefined, `row${ki}`));
        const target = i32.variable(p.y.add(from.mul(p.outWidth).mul(4 * channels)), 'target');
        forRange(from, to, 1, (line) => {
          const [n, i] = [i32.variable(line.divU(p.outHeight), 'n'), i32.variable(line.remU(p.outHeight), 'i')];
          const j = i32.variable(0, 'j');
          const hasPixels = () => j.ltS(p.outWidth);
          whileTrue(hasPixels, () => {
            const first = i32.variable(j.mul(strideX).sub(p.left), 'first');
            const last = first.add(strideX + (kernelWidth - 1) * dilationX);
            when(
              first.geS(0).and(last.ltS(p.width)).and(j.add(1).ltS(p.outWidth)),
              () => {
                rows.forEach((row, ki) => {
                  row.set(tapAddress(p, [n, i, j], [ki, 0]));
                });
                sumPairs(rows, p.filter, target, { kernelWidth, strideX, dilationX, channels });
                target.set(target.add(4 * channels));
                j.set(j.add(2));
              },
              () => {
                sumTaps([n, i, j], target);
                j.set(j.add(1));
              },
            );
          });
        });
      },
    ),
);

/** The constants of `sumPairs`, known when the kernel is assembled. */
interface PairShape {
  readonly kernelWidth: number;
  readonly strideX: number;
  readonly dilationX: number;
  readonly channels: number;
}

/**
 * Statements for two neighboring output pixels, none of whose taps lies left or right of the image. They share the
 * filter and some columns of the image, which are loaded once for both. The number of channels is known, so most
 * addresses are constant offsets.
 */
function sumPairs(
  rows: readonly Variable<I32>[],
  filter: I32,
  target: Variable<I32>,
  { kernelWidth, strideX, dilationX, channels }: PairShape,
): void {
  const weights = i32.variable(filter, 'weights');
  forRange(0, i32.const(4 * channels), 16, () => {
    const [left, right] = [f32x4.variable(0, 'left'), f32x4.variable(0, 'right')];
    rows.forEach((row, ki) => {
      const taps = Array.from({ length: kernelWidth }, (_, kj) =>
        f32x4.variable(f32x4.load(weights, 4 * channels * (ki * kernelWidth + kj)), `weight${kj}`),
      );
      const columns = (kernelWidth - 1) * dilationX + strideX + 1;
      for (let column = 0; column < columns; column++) {
        const [leftTap, rightTap] = [column / dilationX, (column - strideX) / dilationX];
        const isTap = (tap: number): boolean => Number.isInteger(tap) && tap >= 0 && tap < kernelWidth;
        if (!isTap(leftTap) && !isTap(rightTap)) continue;
        const value = f32x4.variable(f32x4.load(row, 4 * channels * column), 'value');
        if (isTap(leftTap)) left.set(left.addMul(value, taps[leftTap]));
        if (isTap(rightTap)) right.set(right.addMul(value, taps[rightTap]));
      }
    });
    store(target, left);
    store(target, right, 4 * channels);
    for (const at of [...rows, target, weights]) at.set(at.add(16));
  });
}

/** Each pixel of dx is the sum over the taps of dy times filter. */
const backwardKernel = memoize(
  (kernelHeight: number, kernelWidth: number) =>
    new Kernel(`f32_depthwise_${kernelHeight}x${kernelWidth}_backward__madd`, parameters, (p, from, to) => {
      const sumTaps = tapSummer(p, [kernelHeight, kernelWidth], reverseTapAddress);
      const target = i32.variable(p.y.add(from.mul(p.pixelBytes)), 'target');
      forEachPixel(p.height, p.width, from, to, (n, row, column) => sumTaps([n, row, column], target));
    }),
);

/**
 * Statements for all channels of one pixel, with an address for each tap, so that the pixel may be anywhere. They
 * advance the target by one pixel.
 */
function tapSummer(
  p: KernelParameters<typeof parameters>,
  [kernelHeight, kernelWidth]: KernelSize,
  addressOf: typeof tapAddress,
): (pixel: readonly [n: I32, row: I32, column: I32], target: Variable<I32>) => void {
  const taps = tapsOf(kernelHeight, kernelWidth);
  const sources = taps.map((_, tap) => i32.variable(undefined, `tap${tap}`));
  return (pixel, target) => {
    taps.forEach((tap, index) => {
      sources[index].set(addressOf(p, pixel, tap));
    });
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
  };
}

/** For each block of output pixels, and each tap and channel: Σ dy · x over the elements x that the tap reads. */
const filterGradientKernel = memoize(
  (kernelHeight: number, kernelWidth: number) =>
    new Kernel(
      `f32_depthwise_filter_gradient_${kernelHeight}x${kernelWidth}__madd`,
      { x: i32, dy: i32, sums: i32, border: i32, pixels: i32, pixelBytes: i32, ...windowParameters },
      (p, from, to, scratch) => {
        const taps = tapsOf(kernelHeight, kernelWidth);
        forRange(from, to, 1, (block) => {
          const first = i32.variable(block.mul(blockPixels), 'first');
          const end = i32.variable(first.add(blockPixels).minU(p.pixels), 'end');
          storeTapAddresses(p, first, end, taps, scratch);
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
