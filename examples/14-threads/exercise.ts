/**
 * Exercises of chapter 14. Fill in the functions, then run
 *
 *     npm run exercise 14
 *
 * The tests run them on real threads.
 */
import { todo } from '../lib/todo.js';

/**
 * 1. Sums chunks of `grain` numbers in a given order, as threads would finish them, and then adds their sums so that
 * the result does not depend on that order. Each addition rounds to f32: `Math.fround(a + b)`.
 *
 * @param order The numbers of the chunks: 0, 1, … in any order.
 */
export function sumInAnyOrder(numbers: Float32Array, grain: number, order: readonly number[]): number {
  return todo('keep the sum of each chunk in its place');
}

/**
 * 2. Counts how often each byte value occurs, together with other threads: all of them call this function with the same
 * arguments, which are in shared memory. Each takes chunks of `grain` bytes until none are left.
 *
 * @param counts 256 numbers, 0 at first. Several threads may count the same value at the same time.
 * @param next One number, 0 at first: the next chunk to take.
 */
export function countBytes(bytes: Uint8Array, counts: Int32Array, next: Int32Array, grain: number): void {
  todo('take chunks with Atomics.add, and count with Atomics.add, too');
}

/**
 * 3. Raises the float in `largest` to `value` if that is larger, while other threads do the same. Atomics knows no
 * floats, and there is no atomic maximum: read the bits, decide, and exchange them only if they are still the same
 * (`Atomics.compareExchange`); otherwise, another thread was faster, so begin again.
 *
 * @param largest The 32 bits of one f32, in shared memory.
 */
export function raiseTo(largest: Int32Array, value: number): void {
  todo('compare and exchange until it holds');
}
