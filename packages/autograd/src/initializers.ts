import {
  checkList,
  checkNumber,
  checkRng,
  type Rng,
  type Shape,
  ShapeError,
  type Tensor,
  wholeNumbers,
} from '@mobinet/tensor/functions';

/** How many inputs each output of a layer depends on, and how many outputs each input contributes to. */
interface Fans {
  readonly fanIn: number;
  readonly fanOut: number;
}

/** Fans of a weight [out, ...taps, in]: a matrix [out, in], or a filter [out, height, width, in]. */
function fansOf(op: string, rng: Rng, shape: Shape): Fans {
  checkRng(op, rng);
  checkList(op, shape, '[16, 3, 3, 8]');
  if (shape.length === 0) throw new ShapeError(op, 'a scalar has no inputs and outputs');
  for (const size of shape) checkNumber(`${op}: each axis of the shape`, size, wholeNumbers(1));
  const taps = shape.slice(1, -1).reduce((product, size) => product * size, 1);
  return { fanIn: shape[shape.length - 1] * taps, fanOut: shape[0] * taps };
}

/**
 * Normal with mean 0 and standard deviation √(2 / fanIn), which preserves the variance through layers with ReLUs (He et
 * al., 2015). fanIn is the number of inputs that an output depends on: in · taps.
 *
 * @param rng The source of the numbers. It advances.
 * @param shape [out, ...taps, in]: a matrix [out, in], or a filter [out, height, width, in].
 * @returns An f32 tensor of this shape.
 * @throws ShapeError for a scalar, and RangeError for an axis without elements.
 * @example
 * ```ts
 * import { kaimingNormal } from '@mobinet/autograd';
 * import { Rng, variance } from '@mobinet/tensor';
 *
 * // A filter of 3×3 taps over 8 channels: 72 inputs.
 * const filter = kaimingNormal(Rng.fromSeed(0), [256, 3, 3, 8]);
 * const deviation = Math.sqrt(variance(filter).values[0]);
 * console.log(`${deviation.toFixed(2)}, expected ${Math.sqrt(2 / 72).toFixed(2)}`);
 * // → 0.17, expected 0.17
 * ```
 */
export function kaimingNormal(rng: Rng, shape: Shape): Tensor {
  const { fanIn } = fansOf('kaimingNormal', rng, shape);
  return rng.normal(shape, 0, Math.sqrt(2 / fanIn));
}

/**
 * Uniform in ±√(6 / fanIn), which has the same variance as `kaimingNormal`.
 *
 * @param rng The source of the numbers. It advances.
 * @param shape [out, ...taps, in]: a matrix [out, in], or a filter [out, height, width, in].
 * @returns An f32 tensor of this shape.
 * @throws ShapeError for a scalar, and RangeError for an axis without elements.
 * @example
 * ```ts
 * import { kaimingUniform } from '@mobinet/autograd';
 * import { abs, max, Rng } from '@mobinet/tensor';
 *
 * // With 24 inputs, the bound is √(6 / 24) = 0.5.
 * const weight = kaimingUniform(Rng.fromSeed(0), [100, 24]);
 * console.log(max(abs(weight)).values[0].toFixed(2));
 * // → 0.50
 * ```
 */
export function kaimingUniform(rng: Rng, shape: Shape): Tensor {
  const bound = Math.sqrt(6 / fansOf('kaimingUniform', rng, shape).fanIn);
  return rng.uniform(shape, -bound, bound);
}

/**
 * Normal with mean 0 and standard deviation √(2 / (fanIn + fanOut)), a compromise between preserving the variance of
 * activations and that of gradients (Glorot & Bengio, 2010). fanIn is in · taps, and fanOut is out · taps.
 *
 * @param rng The source of the numbers. It advances.
 * @param shape [out, ...taps, in]: a matrix [out, in], or a filter [out, height, width, in].
 * @returns An f32 tensor of this shape.
 * @throws ShapeError for a scalar, and RangeError for an axis without elements.
 * @example
 * ```ts
 * import { xavierNormal } from '@mobinet/autograd';
 * import { Rng, variance } from '@mobinet/tensor';
 *
 * const weight = xavierNormal(Rng.fromSeed(0), [120, 80]);
 * console.log(Math.sqrt(variance(weight).values[0]).toFixed(2));
 * // → 0.10
 * ```
 */
export function xavierNormal(rng: Rng, shape: Shape): Tensor {
  const { fanIn, fanOut } = fansOf('xavierNormal', rng, shape);
  return rng.normal(shape, 0, Math.sqrt(2 / (fanIn + fanOut)));
}

/**
 * Uniform in ±√(6 / (fanIn + fanOut)), which has the same variance as `xavierNormal`.
 *
 * @param rng The source of the numbers. It advances.
 * @param shape [out, ...taps, in]: a matrix [out, in], or a filter [out, height, width, in].
 * @returns An f32 tensor of this shape.
 * @throws ShapeError for a scalar, and RangeError for an axis without elements.
 * @example
 * ```ts
 * import { xavierUniform } from '@mobinet/autograd';
 * import { abs, max, Rng } from '@mobinet/tensor';
 *
 * // With 16 inputs and 8 outputs, the bound is √(6 / 24) = 0.5.
 * const weight = xavierUniform(Rng.fromSeed(0), [8, 16]);
 * console.log(max(abs(weight)).values[0] <= 0.5);
 * // → true
 * ```
 */
export function xavierUniform(rng: Rng, shape: Shape): Tensor {
  const { fanIn, fanOut } = fansOf('xavierUniform', rng, shape);
  const bound = Math.sqrt(6 / (fanIn + fanOut));
  return rng.uniform(shape, -bound, bound);
}
