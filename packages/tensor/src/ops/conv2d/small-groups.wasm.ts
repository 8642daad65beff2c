import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { floatsAt } from '../../backends/cpu/memory.js';
import { memoize } from '../../backends/memoize.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { f32x4, forRange, i32, repeat, store, when } from '../../wasm/assembler.js';
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

// Direct convolution in groups of 4, 8 or 16 channels, which are too small for matrix products. The filters of a group
// are the lanes. Several pixels are computed together, so that each weight is loaded once for all of them.

/** Whether there are several groups of 4, 8 or 16 channels with as many filters. */
export function hasSmallGroups([outChannels, , , channels]: Shape, { groups }: Conv2dAttributes): boolean {
  return (channels === 4 || channels === 8 || channels === 16) && outChannels === groups * channels && groups > 1;
}

/** `conv2d`. */
export function smallGroups(x: Tensor, filter: Tensor, y: Tensor, attributes: Conv2dAttributes): void {
  convolve(x, filter, y, attributes, 'forward');
}

/** ∂L/∂x of `conv2d`: a convolution with filters and channels exchanged and the window reversed. */
export function smallGroupsInputGradient(dy: Tensor, filter: Tensor, dx: Tensor, attributes: Conv2dAttributes): void {
  convolve(dy, filter, dx, attributes, 'backward');
}

type Direction = 'forward' | 'backward';

function convolve(
  x: Tensor,
  filter: Tensor,
  y: Tensor,
  { window, groups }: Conv2dAttributes,
  direction: Direction,
): void {
  const [outChannels, kernelHeight, kernelWidth, channels] = filter.shape;
  const pixels = y.size / outChannels;
  const taps = kernelHeight * kernelWidth;
  withTemporary(4 * (filter.size + outChannels), (filters) => {
    orderFilter(filter, direction, floatsAt(filters, filter.size));
    const border = filters + 4 * filter.size;
    floatsAt(border, outChannels).fill(0);
    const tiles = Math.ceil(pixels / pixelsPerTile(channels));
    const args = { x, y, filters, border, pixels, groups, pixelBytes: 4 * outChannels, ...windowArguments(window) };
    convolveKernel(kernelHeight, kernelWidth, channels, direction).run(args, tiles, {
      grain: Math.max(1, Math.ceil(100_000 / (pixelsPerTile(channels) * taps * channels * outChannels))),
      scratch: 4 * taps * pixelsPerTile(channels),
    });
  });
}

/**
 * From [group][filter][tap][channel] to [group][tap][channel][filter], or backward to [group][tap][filter][channel].
 */
function orderFilter(filter: Tensor, direction: Direction, target: Float32Array): void {
  const [outChannels, kernelHeight, kernelWidth, channels] = filter.shape;
  const taps = kernelHeight * kernelWidth;
  const { values } = filter;
  let at = 0;
  for (let group = 0; group < outChannels; group += channels) {
    for (let tap = 0; tap < taps; tap++) {
      for (let a = 0; a < channels; a++) {
        for (let b = 0; b < channels; b++) {
          const [f, c] = direction === 'forward' ? [b, a] : [a, b];
          target[at++] = values[((group + f) * taps + tap) * channels + c];
        }
      }
    }
  }
}

/** Pixels that are computed together. Their sums fill eight registers. */
const pixelsPerTile = (channels: number): number => 32 / channels;

const convolveKernel = memoize(
  (kernelHeight: number, kernelWidth: number, channels: number, direction: Direction) =>
    new Kernel(
      `f32_small_groups_${kernelHeight}x${kernelWidth}_c${channels}_${direction}__madd`,
      {
        x: i32,
        y: i32,
        filters: i32,
        border: i32,
        pixels: i32,
        groups: i32,
        pixelBytes: i32,
        ...windowParameters,
      },
      (p, from, to, scratch) => {
        const taps = tapsOf(kernelHeight, kernelWidth);
        const count = pixelsPerTile(channels);
        const vectors = channels / 4;
        const [height, width] = direction === 'forward' ? [p.outHeight, p.outWidth] : [p.height, p.width];
        const address = direction === 'forward' ? tapAddress : reverseTapAddress;
        forRange(from, to, 1, (tile) => {
          const first = i32.variable(tile.mul(count), 'first');
          const end = i32.variable(first.add(count).minU(p.pixels), 'end');
          // Scratch memory holds the addresses that the taps read, [tap][pixel]. Pixels past the last one read zeros.
          when(end.sub(first).ltS(count), () => {
            forRange(0, i32.const(4 * taps.length * count), 4, (at) => store(scratch.add(at), p.border));
          });
          const pixelAt = i32.variable(scratch, 'pixelAt');
          forEachPixel(height, width, first, end, (n, row, column) => {
            taps.forEach((tap, index) => {
              store(pixelAt, address(p, [n, row, column], tap), 4 * count * index);
            });
            pixelAt.set(pixelAt.add(4));
          });
          const weight = i32.variable(p.filters, 'weight');
          forRange(0, p.groups.mul(4 * channels), 4 * channels, (offset) => {
            const sums = Array.from({ length: count }, () =>
              Array.from({ length: vectors }, () => f32x4.variable(0, 'sum')),
            );
            const tapAt = i32.variable(scratch, 'tapAt');
            repeat(i32.variable(taps.length, 'tapsLeft'), () => {
              const sources = sums.map((_, pixel) => i32.variable(i32.load(tapAt, 4 * pixel).add(offset), 'source'));
              for (let c = 0; c < channels; c++) {
                const weights = Array.from({ length: vectors }, (_, v) =>
                  f32x4.variable(f32x4.load(weight, 4 * channels * c + 16 * v)),
                );
                sources.forEach((source, pixel) => {
                  const value = f32x4.variable(f32x4.loadSplat(source, 4 * c), 'value');
                  sums[pixel].forEach((sum, v) => {
                    sum.set(sum.addMul(value, weights[v]));
                  });
                });
              }
              weight.set(weight.add(4 * channels * channels));
              tapAt.set(tapAt.add(4 * count));
            });
            const target = i32.variable(p.y.add(first.mul(p.pixelBytes)).add(offset), 'target');
            sums.forEach((pixelSums, pixel) => {
              when(first.add(pixel).ltS(end), () => {
                pixelSums.forEach((sum, v) => {
                  store(target, sum, 16 * v);
                });
              });
              target.set(target.add(p.pixelBytes));
            });
          });
        });
      },
    ),
);

/** Pixels per partial sum. */
const blockPixels = 256;

/** ∂L/∂filter of `conv2d`. */
export function smallGroupsFilterGradient(
  dy: Tensor,
  x: Tensor,
  df: Tensor,
  { window, groups }: Conv2dAttributes,
): void {
  const [outChannels, kernelHeight, kernelWidth, channels] = df.shape;
  const taps = kernelHeight * kernelWidth;
  const pixels = dy.size / outChannels;
  const blocks = Math.ceil(pixels / blockPixels);
  withTemporary(4 * (df.size * blocks + outChannels), (sums) => {
    const border = sums + 4 * df.size * blocks;
    floatsAt(border, outChannels).fill(0);
    const args = { x, dy, sums, border, pixels, groups, pixelBytes: 4 * outChannels, ...windowArguments(window) };
    filterGradientKernel(kernelHeight, kernelWidth, channels).run(args, blocks, {
      grain: 1,
      scratch: 4 * taps * blockPixels,
    });
    const total = sumBlocks('f32', sums, blocks, df.size);
    const values = df.values;
    // The total is [group][tap][channel][filter].
    let at = 0;
    for (let group = 0; group < outChannels; group += channels) {
      for (let tap = 0; tap < taps; tap++) {
        for (let c = 0; c < channels; c++) {
          for (let f = 0; f < channels; f++) values[((group + f) * taps + tap) * channels + c] = total[at++];
        }
      }
    }
  });
}

/** For each block of output pixels, group, tap, channel and filter: Σ dy · x over the elements x that the tap reads. */
const filterGradientKernel = memoize(
  (kernelHeight: number, kernelWidth: number, channels: number) =>
    new Kernel(
      `f32_small_groups_filter_gradient_${kernelHeight}x${kernelWidth}_c${channels}__madd`,
      {
        x: i32,
        dy: i32,
        sums: i32,
        border: i32,
        pixels: i32,
        groups: i32,
        pixelBytes: i32,
        ...windowParameters,
      },
      (p, from, to, scratch) => {
        const taps = tapsOf(kernelHeight, kernelWidth);
        const vectors = channels / 4;
        const channelsPerPass = 8 / vectors;
        forRange(from, to, 1, (block) => {
          const first = i32.variable(block.mul(blockPixels), 'first');
          const end = i32.variable(first.add(blockPixels).minU(p.pixels), 'end');
          storeTapAddresses(p, first, end, taps, scratch);
          const target = i32.variable(
            p.sums.add(block.mul(p.groups).mul(4 * taps.length * channels * channels)),
            'target',
          );
          forRange(0, p.groups.mul(4 * channels), 4 * channels, (offset) => {
            forRange(0, i32.const(4 * taps.length), 4, (tap) => {
              for (let c = 0; c < channels; c += channelsPerPass) {
                const own = Array.from({ length: Math.min(channelsPerPass, channels - c) }, (_, i) => c + i);
                const sums = own.map(() => Array.from({ length: vectors }, () => f32x4.variable(0, 'sum')));
                const dyAt = i32.variable(p.dy.add(first.mul(p.pixelBytes)).add(offset), 'dyAt');
                const at = i32.variable(scratch.add(tap), 'at');
                forRange(first, end, 1, () => {
                  const source = i32.variable(i32.load(at).add(offset), 'source');
                  const dy = Array.from({ length: vectors }, (_, v) => f32x4.variable(f32x4.load(dyAt, 16 * v), 'dy'));
                  own.forEach((channel, i) => {
                    const value = f32x4.variable(f32x4.loadSplat(source, 4 * channel), 'value');
                    sums[i].forEach((sum, v) => {
                      sum.set(sum.addMul(value, dy[v]));
                    });
                  });
                  at.set(at.add(4 * taps.length));
                  dyAt.set(dyAt.add(p.pixelBytes));
                });
                own.forEach((channel, i) => {
                  sums[i].forEach((sum, v) => {
                    store(target, sum, 4 * channels * channel + 16 * v);
                  });
                });
              }
              target.set(target.add(4 * channels * channels));
            });
          });
        });
      },
    ),
);
