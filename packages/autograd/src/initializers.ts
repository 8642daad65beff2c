import type { Rng, Shape, Tensor } from '@mobinet/tensor';

/** How many inputs each output of a layer depends on, and how many outputs each input contributes to. */
interface Fans {
  readonly fanIn: number;
  readonly fanOut: number;
}

/** Fans of a weight [out, ...taps, in]: a matrix [out, in], or a filter [out, height, width, in]. */
function fansOf(shape: Shape): Fans {
  const taps = shape.slice(1, -1).reduce((product, size) => product * size, 1);
  return { fanIn: shape[shape.length - 1] * taps, fanOut: shape[0] * taps };
}

/** Normal with standard deviation √(2 / fanIn), which preserves the variance through ReLUs (He et al., 2015). */
export function kaimingNormal(rng: Rng, shape: Shape): Tensor {
  return rng.normal(shape, 0, Math.sqrt(2 / fansOf(shape).fanIn));
}

/** Uniform with the same variance as `kaimingNormal`. */
export function kaimingUniform(rng: Rng, shape: Shape): Tensor {
  const bound = Math.sqrt(6 / fansOf(shape).fanIn);
  return rng.uniform(shape, -bound, bound);
}

/** Normal with standard deviation √(2 / (fanIn + fanOut)) (Glorot & Bengio, 2010). */
export function xavierNormal(rng: Rng, shape: Shape): Tensor {
  const { fanIn, fanOut } = fansOf(shape);
  return rng.normal(shape, 0, Math.sqrt(2 / (fanIn + fanOut)));
}

/** Uniform with the same variance as `xavierNormal`. */
export function xavierUniform(rng: Rng, shape: Shape): Tensor {
  const { fanIn, fanOut } = fansOf(shape);
  const bound = Math.sqrt(6 / (fanIn + fanOut));
  return rng.uniform(shape, -bound, bound);
}
