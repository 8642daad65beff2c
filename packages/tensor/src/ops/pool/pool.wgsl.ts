import { memoize } from '../../backends/memoize.js';
import { groupsOf, linear, linearWorkgroup, Shader } from '../../backends/webgpu/shader.js';
import type { Tensor } from '../../tensor.js';
import type { Window } from '../window.js';
import { pixelReadBy, pixelUnderTap, windowArgumentsOnGpu, windowParametersOnGpu } from '../window.wgsl.js';

// Pooling on a GPU. Each invocation computes one element of the result, so that neighbors read neighboring channels.

const parameters = { ...windowParametersOnGpu, channels: 'u32', count: 'u32' } as const;

const argumentsOf = (window: Window, { shape, size }: Tensor) => ({
  ...windowArgumentsOnGpu(window),
  channels: shape[3],
  count: size,
});

/** `avgPool2d`. */
export function avgPoolOnGpu(x: Tensor, y: Tensor, window: Window): void {
  avgPool.run({ x }, { y }, argumentsOf(window, y), groupsOf(y.size));
}

const avgPool = new Shader('f32_avg_pool', {
  reads: { x: 'f32' },
  writes: { y: 'f32' },
  parameters,
  workgroup: linearWorkgroup,
  declarations: pixelUnderTap,
  main: `
  ${linear('p.count')}
  var sum = 0.0;
  var covered = 0.0;
  for (var tap = 0u; tap < p.kernelHeight * p.kernelWidth; tap++) {
    let at = pixelUnder(i / p.channels, tap);
    if (at < 0) { continue; }
    sum += x[u32(at) * p.channels + i % p.channels];
    covered += 1.0;
  }
  y[i] = sum / covered;`,
});

/** ∂L/∂x of `avgPool2d`: each element sums its shares of all windows that cover it. */
export function avgPoolGradientOnGpu(dy: Tensor, dx: Tensor, window: Window): void {
  avgPoolGradient.run({ dy }, { dx }, argumentsOf(window, dx), groupsOf(dx.size));
}

const avgPoolGradient = new Shader('f32_avg_pool_gradient', {
  reads: { dy: 'f32' },
  writes: { dx: 'f32' },
  parameters,
  workgroup: linearWorkgroup,
  declarations: `${pixelReadBy}
// The number of taps that lie inside, if tap 0 is at \`first\`.
fn tapsInside(first: i32, taps: u32, dilation: u32, size: u32) -> i32 {
  let step = i32(dilation);
  let firstTap = (max(0, -first) + step - 1) / step;
  let endTap = min(i32(taps), (i32(size) - first + step - 1) / step);
  return max(0, endTap - firstTap);
}
fn coveredBy(pixel: u32) -> f32 {
  let i = (pixel / p.outWidth) % p.outHeight;
  let j = pixel % p.outWidth;
  let rows = tapsInside(i32(i * p.strideY) - p.beforeY, p.kernelHeight, p.dilationY, p.height);
  return f32(rows * tapsInside(i32(j * p.strideX) - p.beforeX, p.kernelWidth, p.dilationX, p.width));
}`,
  main: `
  ${linear('p.count')}
  var sum = 0.0;
  for (var tap = 0u; tap < p.kernelHeight * p.kernelWidth; tap++) {
    let at = pixelReading(i / p.channels, tap);
    if (at >= 0) { sum += dy[u32(at) * p.channels + i % p.channels] / coveredBy(u32(at)); }
  }
  dx[i] = sum;`,
});

/** `maxPool2d` for sign 1, `minPool2d` for sign −1, and the flat index in x of each winner. */
export function extremePoolOnGpu(x: Tensor, y: Tensor, winners: Tensor<'i32'>, window: Window, sign: 1 | -1): void {
  extremePool(sign).run({ x }, { y, winners }, argumentsOf(window, y), groupsOf(y.size));
}

const extremePool = memoize(
  (sign: number) =>
    new Shader(sign > 0 ? 'f32_max_pool' : 'f32_min_pool', {
      reads: { x: 'f32' },
      writes: { y: 'f32', winners: 'i32' },
      parameters,
      workgroup: linearWorkgroup,
      declarations: pixelUnderTap,
      main: `
  ${linear('p.count')}
  var best = 0.0;
  var winner = -1;
  for (var tap = 0u; tap < p.kernelHeight * p.kernelWidth; tap++) {
    let at = pixelUnder(i / p.channels, tap);
    if (at < 0) { continue; }
    let source = u32(at) * p.channels + i % p.channels;
    if (winner < 0 || x[source] ${sign > 0 ? '>' : '<'} best) {
      best = x[source];
      winner = i32(source);
    }
  }
  y[i] = best;
  winners[i] = winner;`,
    }),
);
