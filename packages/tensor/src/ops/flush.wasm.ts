import { type F32x4, f32x4, type I32x4, i32x4 } from '../wasm/assembler.js';
import { smallestGradient } from './flush.js';

/**
 * `flushed` in each lane. The bits of absolute values, read as integers, are ordered like the floats, and NaN compares
 * above all of them, so NaN is kept.
 *
 * @param limit From `flushLimit`. A kernel makes it once, outside its loop, to avoid repeating the constant.
 */
export function flushedLanes(value: F32x4, limit: I32x4 = limitOf(smallestGradient)): F32x4 {
  const lanes = f32x4.variable(value, 'lanes');
  return lanes.and(lanes.abs().as(i32x4).gtS(limit).as(f32x4));
}

/** A variable with the limit for `flushedLanes`, below which values become 0. */
export function flushLimit(threshold: number = smallestGradient): I32x4 {
  return i32x4.variable(limitOf(threshold), 'limit');
}

const limitOf = (threshold: number): I32x4 => i32x4.const(new Int32Array(Float32Array.of(threshold).buffer)[0] - 1);
