import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { memoize } from '../../backends/memoize.js';
import type { Tensor } from '../../tensor.js';
import {
  type F32x4,
  f32x4,
  forEachFour,
  forRange,
  type I32,
  type I32x4,
  i32,
  i32x4,
  storeFour,
  type Variable,
  when,
} from '../../wasm/assembler.js';
import type { Window } from '../window.js';
import { forEachPixel, windowArguments, windowParameters } from '../window.wasm.js';

const parameters = { x: i32, y: i32, winners: i32, channels: i32, tapsY: i32, tapsX: i32, ...windowParameters };

function argumentsOf(x: Tensor, y: Tensor, window: Window) {
  const [tapsY, tapsX] = [window.height.taps, window.width.taps];
  return { x, y, winners: 0, channels: x.shape[3], tapsY, tapsX, ...windowArguments(window) };
}

const grainOf = (pixels: number, channels: number, { height, width }: Window): number =>
  chunksOf(pixels, 5 + channels * 0.2 * (1 + height.taps * width.taps));

/** `avgPool2d`. */
export function avgPoolByKernel(x: Tensor, y: Tensor, window: Window): void {
  const pixels = y.size / y.shape[3];
  averageKernel.run(argumentsOf(x, y, window), pixels, { grain: grainOf(pixels, y.shape[3], window) });
}

/** `maxPool2d` for sign 1, `minPool2d` for sign −1. */
export function extremePoolByKernel(x: Tensor, y: Tensor, winners: Tensor<'i32'>, window: Window, sign: 1 | -1): void {
  const pixels = y.size / y.shape[3];
  const args = { ...argumentsOf(x, y, window), winners };
  extremeKernel(sign).run(args, pixels, { grain: grainOf(pixels, y.shape[3], window) });
}

/** ∂L/∂x of `avgPool2d`. */
export function avgPoolGradientByKernel(dy: Tensor, dx: Tensor, window: Window): void {
  const pixels = dx.size / dx.shape[3];
  averageGradientKernel.run(argumentsOf(dx, dy, window), pixels, { grain: grainOf(pixels, dx.shape[3], window) });
}

/** The part [from, to) of the image that a window covers along one axis. */
function covered(
  output: I32,
  stride: I32,
  before: I32,
  taps: I32,
  size: I32,
): [from: Variable<I32>, to: Variable<I32>] {
  const start = i32.variable(output.mul(stride).sub(before), 'start');
  const end = i32.variable(start.add(taps).minU(size), 'end');
  when(start.ltS(0), () => start.set(i32.const(0)));
  return [start, end];
}

/**
 * Statements that update the channels of a target pixel from those of a source pixel, four at a time. `combine`
 * computes the new value from the source's `value`; `sum()` loads the target's current value.
 */
function combinePixels(
  channels: I32,
  source: I32,
  target: I32,
  combine: (value: F32x4, sum: () => F32x4) => F32x4,
): void {
  const [from, to] = [i32.variable(source, 'from'), i32.variable(target, 'to')];
  forEachFour(channels, (_, rest) => {
    storeFour(to, f32x4.variable(combine(f32x4.load(from), () => f32x4.load(to))), rest);
    for (const at of [from, to]) at.set(at.add(16));
  });
}

/** Adds up the pixels of a window in the output, one after the other, then divides by their number. */
const averageKernel = new Kernel('f32_avg_pool', parameters, (p, from, to) => {
  const pixelBytes = i32.variable(p.channels.mul(4), 'pixelBytes');
  forEachPixel(p.outHeight, p.outWidth, from, to, (n, i, j, pixel) => {
    const [top, bottom] = covered(i, p.strideY, p.top, p.tapsY, p.height);
    const [left, right] = covered(j, p.strideX, p.left, p.tapsX, p.width);
    const count = f32x4.variable(f32x4.splat(bottom.sub(top).mul(right.sub(left)).toF32S()), 'count');
    const target = i32.variable(p.y.add(pixel.mul(pixelBytes)), 'target');
    const seen = i32.variable(0, 'seen');
    forRange(top, bottom, 1, (row) => {
      const at = i32.variable(p.x.add(n.mul(p.height).add(row).mul(p.width).add(left).mul(pixelBytes)), 'at');
      forRange(left, right, 1, () => {
        when(
          seen,
          () => combinePixels(p.channels, at, target, (x, sum) => sum().add(x)),
          () => combinePixels(p.channels, at, target, (x) => x),
        );
        seen.set(i32.const(1));
        at.set(at.add(pixelBytes));
      });
    });
    combinePixels(p.channels, target, target, (sum) => sum.div(count));
  });
});

/** Each pixel of dx sums its shares of all windows that cover it. Parameter x is dx, which is written, and y is dy. */
const averageGradientKernel = new Kernel('f32_avg_pool_gradient', parameters, (p, from, to) => {
  const pixelBytes = i32.variable(p.channels.mul(4), 'pixelBytes');
  forEachPixel(p.height, p.width, from, to, (n, row, column, pixel) => {
    const [firstRow, endRow] = windowsOver(row, p.strideY, p.top, p.tapsY, p.outHeight);
    const [firstColumn, endColumn] = windowsOver(column, p.strideX, p.left, p.tapsX, p.outWidth);
    const target = i32.variable(p.x.add(pixel.mul(pixelBytes)), 'target');
    const seen = i32.variable(0, 'seen');
    forRange(firstRow, endRow, 1, (i) => {
      const [top, bottom] = covered(i, p.strideY, p.top, p.tapsY, p.height);
      forRange(firstColumn, endColumn, 1, (j) => {
        const [left, right] = covered(j, p.strideX, p.left, p.tapsX, p.width);
        const count = f32x4.variable(f32x4.splat(bottom.sub(top).mul(right.sub(left)).toF32S()), 'count');
        const at = p.y.add(n.mul(p.outHeight).add(i).mul(p.outWidth).add(j).mul(pixelBytes));
        when(
          seen,
          () => combinePixels(p.channels, at, target, (dy, sum) => sum().add(dy.div(count))),
          () => combinePixels(p.channels, at, target, (dy) => dy.div(count)),
        );
        seen.set(i32.const(1));
      });
    });
    // Pixels that no window covers.
    when(seen.eq(0), () => combinePixels(p.channels, target, target, () => f32x4.const(0)));
  });
});

/** The windows along one axis that cover an element: [first, end). */
function windowsOver(at: I32, stride: I32, before: I32, taps: I32, outputs: I32): [first: I32, end: I32] {
  const padded = i32.variable(at.add(before), 'padded');
  const first = i32.variable(0, 'first');
  when(padded.geS(taps), () => first.set(padded.sub(taps).divU(stride).add(1)));
  return [first, i32.variable(padded.divU(stride).add(1).minU(outputs), 'end')];
}

/**
 * The largest (or smallest) element of each window and its flat index in x. NaN wins over every number, and a later NaN
 * over an earlier one, as in the definition.
 */
const extremeKernel = memoize(
  (sign: 1 | -1) =>
    new Kernel(sign === 1 ? 'f32_max_pool' : 'f32_min_pool', parameters, (p, from, to) => {
      forEachPixel(p.outHeight, p.outWidth, from, to, (n, i, j, pixel) => {
        const [top, bottom] = covered(i, p.strideY, p.top, p.tapsY, p.height);
        const [left, right] = covered(j, p.strideX, p.left, p.tapsX, p.width);
        const target = i32.variable(pixel.mul(p.channels).mul(4), 'target');
        forEachFour(p.channels, (offset, lanes) => {
          const first = n.mul(p.height).add(top).mul(p.width).add(left).mul(p.channels).mul(4).add(offset);
          const at = i32.variable(first, 'at');
          const best = f32x4.variable(f32x4.load(p.x.add(at)), 'best');
          const indexAt = (): I32x4 => i32x4.splat(at.shrU(2)).add(i32x4.const(0, 1, 2, 3));
          const winner = i32x4.variable(indexAt(), 'winner');
          forRange(top, bottom, 1, (row) => {
            at.set(n.mul(p.height).add(row).mul(p.width).add(left).mul(p.channels).mul(4).add(offset));
            forRange(left, right, 1, () => {
              const value = f32x4.variable(f32x4.load(p.x.add(at)), 'value');
              const beats = sign === 1 ? value.gt(best) : value.lt(best);
              const isNan = value.eq(value).as(i32x4).xor(i32x4.const(-1)).as(f32x4);
              const wins = f32x4.variable(beats.or(isNan), 'wins');
              best.set(value.where(wins, best));
              winner.set(indexAt().where(wins, winner));
              at.set(at.add(p.channels.mul(4)));
            });
          });
          storeFour(p.y.add(target).add(offset), best, lanes);
          storeFour(p.winners.add(target).add(offset), winner, lanes);
        });
      });
    }),
);
