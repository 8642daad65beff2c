import { binarizeWeights } from '@mobinet/bnn';
import { bitConv2d, packBits, Rng, tensor, tidy, unpackBits } from '@mobinet/tensor';

/** One output of a binary convolution, and what it was computed from. */
export interface OneOutput {
  /** The bits of the nine inputs under the filter, of the filter, and where they differ: 1 stands for −1. */
  readonly input: readonly number[];
  readonly weights: readonly number[];
  readonly differing: readonly number[];
  /** Σ sign(x)·sign(w), as the library counts it. */
  readonly count: number;
  readonly alpha: number;
}

/** The picture has this many rows and columns, and the output two less. */
export const size = 6;

/** A picture of 6×6 numbers, most of them positive on one side of its diagonal. */
export const picture: readonly number[] = tidy(() => {
  const noise = Rng.fromSeed(4).normal([size * size]).values;
  return Array.from(noise, (x, at) => 0.6 * x + 0.3 * ((at % size) - Math.floor(at / size)));
});

/** The nine latent weights of a filter. */
export const latent: readonly number[] = tidy(() => [...Rng.fromSeed(2).normal([9], 0, 0.5).values]);

/** Row `row` and column `column` of the output. */
export function outputAt(row: number, column: number, latent: readonly number[]): OneOutput {
  return tidy(() => {
    const x = packBits(tensor(picture, { shape: [1, size, size, 1] }));
    const { signs, alpha } = binarizeWeights(tensor(latent, { shape: [1, 3, 3, 1] }));
    const bitsOf = (values: ArrayLike<number>): number[] => Array.from(values, (sign) => Number(sign < 0));
    const all = bitsOf(unpackBits(x).values);
    const weights = bitsOf(unpackBits(signs).values);
    const input = weights.map((_, tap) => all[(row + Math.floor(tap / 3)) * size + column + (tap % 3)]);
    return {
      input,
      weights,
      differing: input.map((bit, tap) => bit ^ weights[tap]),
      count: bitConv2d(x, signs).values[row * (size - 2) + column],
      alpha: alpha.values[0],
    };
  });
}
