import { Rng, tidy } from '@mobinet/tensor';
import { chart, palette } from '../lib/figure.js';
import { sumOf } from './job.js';

const [count, orders] = [1000, 2000];

/** How often each result of the same sum occurs, if the numbers are added in random orders. */
export default function draw(): Promise<string> {
  const rng = Rng.fromSeed(14);
  const numbers = Float32Array.from({ length: count }, () => rng.float());
  const exact = numbers.reduce((sum, number) => sum + number, 0);
  // Sums are near 500, where neighboring floats are 2⁻¹⁵ apart.
  const unit = 2 ** (Math.floor(Math.log2(exact)) - 23);
  const errors = new Map<number, number>();
  for (let trial = 0; trial < orders; trial++) {
    const order = tidy(() => rng.split('order', trial).permutation(count).values.slice());
    const error = Math.round((sumOf(numbers.map((_, i) => numbers[order[i]])) - exact) / unit);
    errors.set(error, (errors.get(error) ?? 0) + 1);
  }
  return chart({
    width: 560,
    height: 170,
    data: { values: Array.from(errors, ([error, times]) => ({ error, times })) },
    mark: { type: 'bar', color: palette.blue, size: 6 },
    encoding: {
      x: {
        field: 'error',
        type: 'quantitative',
        title: 'distance from the exact sum, in units of the last bit',
        scale: { nice: false },
      },
      y: { field: 'times', type: 'quantitative', title: 'orders' },
    },
  });
}
