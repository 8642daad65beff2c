import { type F32x4, f32x4, type I32x4, i32x4 } from './lanes.js';
import { i32 } from './scalars.js';

/**
 * eˣ of four numbers, to about one unit in the last place (S. L. Moshier, Cephes, expf):
 *
 * 1. x = n·ln 2 + r with a whole n and |r| ≤ ln 2 / 2; ln 2 is subtracted in two parts, so that r stays exact.
 * 2. eʳ by a polynomial.
 * 3. 2ⁿ is made by writing n into the exponent of a float: in two halves, since either alone always fits.
 */
export function exp(x: F32x4): F32x4 {
  const limited = f32x4.variable(x.min(f32x4.const(90)).max(f32x4.const(-105)), 'limited');
  const n = i32x4.variable(limited.mul(f32x4.const(Math.LOG2E)).toI32x4(), 'n');
  const whole = f32x4.variable(n.toF32x4S(), 'whole');
  const r = f32x4.variable(
    limited.sub(whole.mul(f32x4.const(0.693359375))).sub(whole.mul(f32x4.const(-2.1219444005469057e-4))),
    'r',
  );
  const polynomial = [1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.50000001201]
    .map((coefficient) => f32x4.const(coefficient))
    .reduce((sum, coefficient) => coefficient.addMul(sum, r));
  const power = f32x4.const(1).add(r).addMul(polynomial, r.mul(r));
  const half = i32x4.variable(n.shrS(i32.const(1)), 'half');
  return power.mul(powerOfTwo(half)).mul(powerOfTwo(n.sub(half)));
}

function powerOfTwo(n: I32x4): F32x4 {
  return n.add(i32x4.const(127)).shl(i32.const(23)).as(f32x4);
}
