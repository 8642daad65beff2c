/** Solutions of the exercises of chapter 13. */
import { div, mul, type Tensor, unsqueeze } from '@mobinet/tensor';
import { f32, f32x4, fillRest, forEachFour, forRange, type I32, i32, store } from '@mobinet/tensor/wasm';
import type { Rows, SignRows } from './exercise.js';

export function sumOfAbsolutes({ x, y, columns }: Rows, from: I32, to: I32): void {
  const end = i32.variable(columns.mul(4), 'end');
  forRange(from, to, 1, (row) => {
    const start = i32.variable(x.add(row.mul(end)), 'start');
    const total = f32.variable(0, 'total');
    forRange(0, end, 4, (offset) => {
      total.set(total.add(f32.load(start.add(offset)).abs()));
    });
    store(y.add(row.mul(4)), total);
  });
}

export function maximum({ x, y, columns }: Rows, from: I32, to: I32): void {
  forRange(from, to, 1, (row) => {
    const start = i32.variable(x.add(row.mul(columns).mul(4)), 'start');
    // Nothing is smaller than −∞, so what replaces the missing numbers cannot be the largest.
    const largest = f32x4.variable(f32x4.const(-Infinity), 'largest');
    forEachFour(columns, (offset, rest) => {
      largest.set(largest.max(fillRest(f32x4.load(start.add(offset)), rest, -Infinity)));
    });
    const [a, b, c, d] = [0, 1, 2, 3].map((lane) => largest.lane(lane));
    store(y.add(row.mul(4)), a.max(b).max(c.max(d)));
  });
}

export function signDots({ a, b, y, words, signs }: SignRows, from: I32, to: I32): void {
  const bytes = i32.variable(words.mul(4), 'bytes');
  forRange(from, to, 1, (row) => {
    const start = i32.variable(row.mul(bytes), 'start');
    const count = i32.variable(0, 'count');
    forRange(0, bytes, 4, (offset) => {
      const at = i32.variable(start.add(offset), 'at');
      count.set(
        count.add(
          i32
            .load(a.add(at))
            .xor(i32.load(b.add(at)))
            .popcnt(),
        ),
      );
    });
    store(y.add(row.mul(4)), signs.sub(count.mul(2)));
  });
}

export function rowNormsGradient(dy: Tensor, x: Tensor, y: Tensor): Tensor {
  return mul(unsqueeze(div(dy, y), 1), x);
}
