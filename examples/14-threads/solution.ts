/** Solutions of the exercises of chapter 14. */
import { sumOf } from './job.js';

export function sumInAnyOrder(numbers: Float32Array, grain: number, order: readonly number[]): number {
  const sums = new Float32Array(order.length);
  for (const chunk of order) sums[chunk] = sumOf(numbers.subarray(chunk * grain, (chunk + 1) * grain));
  return sumOf(sums);
}

export function countBytes(bytes: Uint8Array, counts: Int32Array, next: Int32Array, grain: number): void {
  for (;;) {
    const start = Atomics.add(next, 0, 1) * grain;
    if (start >= bytes.length) return;
    // Counting in private memory first needs only one atomic operation for each value.
    const own = new Int32Array(counts.length);
    for (const byte of bytes.subarray(start, start + grain)) own[byte]++;
    for (const [value, count] of own.entries()) Atomics.add(counts, value, count);
  }
}

const floats = new Float32Array(1);
const words = new Int32Array(floats.buffer);

export function raiseTo(largest: Int32Array, value: number): void {
  for (;;) {
    const seen = Atomics.load(largest, 0);
    words[0] = seen;
    if (!(value > floats[0])) return;
    floats[0] = value;
    if (Atomics.compareExchange(largest, 0, seen, words[0]) === seen) return;
  }
}
