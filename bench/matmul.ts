import { bitMatmul, matmul, packBits, Rng, unpackBits } from '@mobinet/tensor';
import type { Comparison } from './comparison.js';

/** The 1×1 convolutions of MobileNet at 224×224 as products [pixels, inputs] · [outputs, inputs]ᵀ. */
const shapes = [
  [784, 256, 256],
  [196, 512, 512],
  [49, 1024, 1024],
] as const;

export const matmulComparisons: readonly (() => Comparison)[] = shapes.map(([m, n, k]) => () => {
  const rng = Rng.fromSeed(1);
  const bitsX = packBits(rng.normal([m, k]));
  const bitsWeight = packBits(rng.normal([n, k]));
  const x = unpackBits(bitsX);
  const weight = unpackBits(bitsWeight);
  return {
    op: 'matmul',
    shape: `${m}×${n}×${k}`,
    multiplyAdds: m * n * k,
    float: () => matmul(x, weight, { transposeB: true }),
    packed: () => bitMatmul(bitsX, bitsWeight),
    packedWithPacking: () => bitMatmul(packBits(x), bitsWeight),
  };
});
