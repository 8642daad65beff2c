import { type F32x4, f32x4, type I32x4, i32x4 } from '../wasm/assembler.js';
import { smallestGradient } from './flush.js';

/**
 * `flushed` in each lane. The bits of absolute values, read as integers, are ordered like the floats, and NaN compares
 * above all of them, so NaN is kept.
 *
 * @param value Four numbers.
 * @param limit From `flushLimit`. A kernel makes it once, outside its loop, to avoid repeating the constant.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { ElementwiseKernel, flushedLanes } from '@mobinet/tensor/kernels';
 *
 * const kernel = new ElementwiseKernel('example_flush', 1, ([x]) => flushedLanes(x));
 * const y = zeros([3]);
 * kernel.run([tensor([1, 1e-31, -2])], y);
 * console.log(`${y.values}`);
 * // → 1,0,-2
 * ```
 */
export function flushedLanes(value: F32x4, limit: I32x4 = limitOf(smallestGradient)): F32x4 {
  const lanes = f32x4.variable(value, 'lanes');
  return lanes.and(lanes.abs().as(i32x4).gtS(limit).as(f32x4));
}

/**
 * A variable with the limit for `flushedLanes`, below which values become 0.
 *
 * @example
 * ```ts
 * import { tensor } from '@mobinet/tensor';
 * import { f32x4, flushedLanes, flushLimit, i32, Kernel, store } from '@mobinet/tensor/kernels';
 *
 * const kernel = new Kernel('example_limit', { x: i32 }, ({ x }) => {
 *   const limit = flushLimit(0.1);
 *   store(x, flushedLanes(f32x4.load(x), limit));
 * });
 * const x = tensor([1, 0.01, -0.5, -0.05]);
 * kernel.run({ x }, 1);
 * console.log(`${x.values}`);
 * // → 1,0,-0.5,0
 * ```
 */
export function flushLimit(threshold: number = smallestGradient): I32x4 {
  return i32x4.variable(limitOf(threshold), 'limit');
}

const limitOf = (threshold: number): I32x4 => i32x4.const(new Int32Array(Float32Array.of(threshold).buffer)[0] - 1);
