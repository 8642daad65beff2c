import { type F32x4, f32x4, type I32x4, i32x4 } from '../wasm/assembler.js';
import { smallestGradient } from './flush.js';

/**
 * `flushed`, lane by lane. Sizes of floats are in the order of their bits, read as whole numbers, and NaN is above
 * them all: so that it stays.
 *
 * @param limit A variable, where a loop would make the constant again and again.
 */
export function flushedLanes(value: F32x4, limit: I32x4 = limitOf(smallestGradient)): F32x4 {
  const lanes = f32x4.variable(value, 'lanes');
  return lanes.and(lanes.abs().as(i32x4).gtS(limit).as(f32x4));
}

/** For `flushedLanes`: what is smaller than `least` becomes 0. */
export function flushLimit(least: number = smallestGradient): I32x4 {
  return i32x4.variable(limitOf(least), 'limit');
}

const limitOf = (least: number): I32x4 => i32x4.const(new Int32Array(Float32Array.of(least).buffer)[0] - 1);
