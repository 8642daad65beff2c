import { tensor } from '@mobinet/tensor';
import { forRange, i32, i64, Kernel, store } from '@mobinet/tensor/kernels';
import type { Contender } from './interleave.js';

/** Counts per iteration of the loop, each into a sum of its own, so that no count waits for another. */
const sums = 8;
const countsPerItem = 8000;

/** Counts the bits of numbers in registers and nothing else: an upper bound for this processor. */
const kernel = new Kernel('popcount_limit', { result: i32 }, ({ result }, from, to) => {
  const [words, totals] = ['word', 'total'].map((name) =>
    Array.from({ length: sums }, (_, index) => i64.variable(index, `${name}${index}`)),
  );
  forRange(from, to, 1, () => {
    forRange(0, i32.const(countsPerItem / sums), 1, () => {
      words.forEach((word, index) => {
        totals[index].set(totals[index].add(word.popcnt()));
        // The number changes every time; otherwise the compiler would hoist the count out of the loop.
        word.set(word.add(1));
      });
    });
  });
  store(result, totals.reduce((sum, total) => sum.add(total) as typeof total).toI32());
});

/** Counts `bits` bits, 64 at a time. */
export function countingBits(bits: number): Contender {
  const items = Math.round(bits / 64 / countsPerItem);
  const result = tensor([0], { dtype: 'i32' });
  return { run: () => kernel.run({ result }, items) };
}
