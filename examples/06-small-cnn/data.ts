import { Rng } from '@mobinet/tensor';
import { type Digits, drawDigits } from '../lib/digits.js';

const rng = Rng.fromSeed(6);

/** Digits to learn from: at most one pixel off the center, up or down and to the left or right. */
export const training = drawDigits(rng.split('training'), 1000, {
  shift: (rng) => [rng.integer(3) - 1, rng.integer(3) - 1],
});

/** Digits to test with: `distance` pixels off the center in both directions. */
export function testDigits(distance: number): Digits {
  const either = (rng: Rng): number => (rng.integer(2) === 1 ? distance : -distance);
  return drawDigits(rng.split('test', distance), 500, { shift: (rng) => [either(rng), either(rng)] });
}
