import { forRange, when } from './control.js';
import { type F32x4, f32x4, i32x4 } from './lanes.js';
import { type F32, type I32, i32 } from './scalars.js';
import { store } from './values.js';
import { storeLane, type V128 } from './vector.js';

// Rows of 32-bit numbers are processed four at a time. The last one to three, the tail, are handled here in one place.

/** How many of four numbers exist: 1 to 3 in the tail of a row, or null for all four. */
export type Rest = I32 | null;

/**
 * Runs `body` for the numbers of a row, four at a time. `offset` is their position in bytes.
 *
 * @example
 * ```ts
 * import { tensor } from '@mobinet/tensor';
 * import { Kernel } from '@mobinet/tensor/kernels';
 * import { f32x4, forEachFour, i32, storeFour } from '@mobinet/tensor/wasm';
 *
 * const double = new Kernel('double', { x: i32, count: i32 }, ({ x, count }) => {
 *   forEachFour(count, (offset, rest) => {
 *     const at = x.add(offset);
 *     const value = f32x4.variable(f32x4.load(at));
 *     storeFour(at, value.add(value), rest);
 *   });
 * });
 * const x = tensor([1, 2, 3, 4, 5, 6]);
 * double.run({ x, count: 5 }, 1); // a vector of four, and a tail of one
 * console.log(`${x.values}`);
 * // → 2,4,6,8,10,6
 * ```
 */
export function forEachFour(count: I32, body: (offset: I32, rest: Rest) => void): void {
  const whole = i32.variable(count.and(-4).mul(4), 'whole');
  forRange(0, whole, 16, (offset) => body(offset, null));
  const rest = i32.variable(count.and(3), 'rest');
  when(rest, () => body(whole, rest));
}

/**
 * Statement: stores four numbers, or only those that exist. In the tail, `value` is evaluated once per number.
 *
 * @example
 * ```ts
 * import { zeros } from '@mobinet/tensor';
 * import { Kernel } from '@mobinet/tensor/kernels';
 * import { f32x4, forEachFour, i32, storeFour } from '@mobinet/tensor/wasm';
 *
 * const fill = new Kernel('fill', { y: i32, count: i32 }, ({ y, count }) => {
 *   forEachFour(count, (offset, rest) => storeFour(y.add(offset), f32x4.const(7), rest));
 * });
 * const y = zeros([4]);
 * fill.run({ y, count: 3 }, 1);
 * console.log(`${y.values}`);
 * // → 7,7,7,0
 * ```
 */
export function storeFour(address: I32, value: V128, rest: Rest): void {
  if (rest === null) store(address, value);
  else for (const lane of [0, 1, 2]) when(rest.gtS(lane), () => storeLane(address, value, lane, 4 * lane));
}

/**
 * Replaces the numbers that do not exist by `filler`.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { Kernel } from '@mobinet/tensor/kernels';
 * import { f32x4, fillRest, forEachFour, i32, store, sumOfFour } from '@mobinet/tensor/wasm';
 *
 * const total = new Kernel('total', { x: i32, y: i32, count: i32 }, ({ x, y, count }) => {
 *   const sums = f32x4.variable(0, 'sums');
 *   forEachFour(count, (offset, rest) => sums.set(sums.add(fillRest(f32x4.load(x.add(offset)), rest))));
 *   store(y, sumOfFour(sums));
 * });
 * const y = zeros([]);
 * total.run({ x: tensor([1, 2, 3, 4, 5, 1000]), y, count: 5 }, 1);
 * console.log(`${y.values}`); // without the number after the end
 * // → 15
 * ```
 */
export function fillRest(value: F32x4, rest: Rest, filler = 0): F32x4 {
  if (rest === null) return value;
  return value.where(i32x4.splat(rest).gtS(i32x4.const(0, 1, 2, 3)), f32x4.const(filler));
}

/**
 * The sum of all four lanes, as (a + b) + (c + d).
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { Kernel } from '@mobinet/tensor/kernels';
 * import { f32x4, i32, store, sumOfFour } from '@mobinet/tensor/wasm';
 *
 * const kernel = new Kernel('sum', { x: i32, y: i32 }, ({ x, y }) =>
 *   store(y, sumOfFour(f32x4.variable(f32x4.load(x)))),
 * );
 * const y = zeros([]);
 * kernel.run({ x: tensor([1, 2, 3, 4]), y }, 1);
 * console.log(`${y.values}`);
 * // → 10
 * ```
 */
export function sumOfFour(value: F32x4): F32 {
  const [a, b, c, d] = [0, 1, 2, 3].map((lane) => value.lane(lane));
  return a.add(b).add(c.add(d));
}
