import { type Rng, type Shape, tensor } from '@mobinet/tensor';
import type { Counts } from './counts.js';

/** Random counts of filters with `signs` weights, uniform over all possible values. */
export function randomCounts(rng: Rng, shape: Shape, dtype: Counts['dtype'], signs: number): Counts {
  const differences = rng.uniform(shape, 0, signs + 1).values.map(Math.floor);
  if (dtype === 'u8') return tensor(Uint8Array.from(differences), { shape });
  const counts = Int16Array.from(differences, (d) => signs - 2 * d);
  return tensor(counts, { shape });
}
