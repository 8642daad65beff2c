import { Rng, type Tensor, tidy } from '@mobinet/tensor';

/** 100 points around y = 3x − 1. The same seed gives the same points on every machine. */
export function makePoints(): { x: Tensor; y: Tensor } {
  const rng = Rng.fromSeed(7);
  const x = rng.uniform([100], -1, 1);
  const y = tidy(() =>
    x
      .mul(3)
      .sub(1)
      .add(rng.normal([100], 0, 0.2)),
  );
  return { x, y };
}
