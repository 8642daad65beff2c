import { forRange, when } from './control.js';
import { type F32x4, f32x4, i32x4 } from './lanes.js';
import { type F32, type I32, i32 } from './scalars.js';
import { store } from './values.js';
import { storeLane, type V128 } from './vector.js';

// Rows of 32-bit numbers are processed four at a time. The last one to three, the tail, are handled here in one place.

/** How many of four numbers exist: 1 to 3 in the tail of a row, or null for all four. */
export type Rest = I32 | null;

/** Runs `body` for the numbers of a row, four at a time. `offset` is their position in bytes. */
export function forEachFour(count: I32, body: (offset: I32, rest: Rest) => void): void {
  const whole = i32.variable(count.and(-4).mul(4), 'whole');
  forRange(0, whole, 16, (offset) => body(offset, null));
  const rest = i32.variable(count.and(3), 'rest');
  when(rest, () => body(whole, rest));
}

/** Statement: stores four numbers, or only those that exist. In the tail, `value` is evaluated once per number. */
export function storeFour(address: I32, value: V128, rest: Rest): void {
  if (rest === null) store(address, value);
  else for (const lane of [0, 1, 2]) when(rest.gtS(lane), () => storeLane(address, value, lane, 4 * lane));
}

/** Replaces the numbers that do not exist by `filler`. */
export function fillRest(value: F32x4, rest: Rest, filler = 0): F32x4 {
  if (rest === null) return value;
  return value.where(i32x4.splat(rest).gtS(i32x4.const(0, 1, 2, 3)), f32x4.const(filler));
}

/** The sum of all four lanes. */
export function sumOfFour(value: F32x4): F32 {
  const [a, b, c, d] = [0, 1, 2, 3].map((lane) => value.lane(lane));
  return a.add(b).add(c.add(d));
}
