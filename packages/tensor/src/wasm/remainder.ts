import { whileTrue } from './control.js';
import { type F32x4, type F64x2, f32x4, f64x2, i32x4 } from './lanes.js';
import { join, upperHalf } from './math.js';

/** The mask of a double that keeps the 29 leading bits of its significand. */
const leading29 = i32x4.const(-(2 ** 24), -1, -(2 ** 24), -1).as(f64x2);

/**
 * The remainder a − b·⌊a/b⌋, lane by lane, which has the sign of b: exact before it is rounded to a float.
 *
 * In double precision, a product of b and 29 bits of the quotient is exact, and so is its difference from a. Each round
 * subtracts one such product, so ordinary quotients take one round, and the largest ones ten.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { ElementwiseKernel } from '@mobinet/tensor/kernels';
 * import { mod } from '@mobinet/tensor/wasm';
 *
 * const kernel = new ElementwiseKernel('example_mod', 2, ([a, b]) => mod(a, b));
 * const y = zeros([4]);
 * kernel.run([tensor([7, -7, 7, 2 ** 100]), tensor([3, 3, -3, 3])], y);
 * console.log(`${y.values}`);
 * // → 1,2,-2,1
 * ```
 */
export function mod(a: F32x4, b: F32x4): F32x4 {
  const [dividend, divisor] = [f32x4.variable(a, 'dividend'), f32x4.variable(b, 'divisor')];
  const low = modOfPair(dividend.toF64x2Low(), divisor.toF64x2Low());
  const high = modOfPair(upperHalf(dividend).toF64x2Low(), upperHalf(divisor).toF64x2Low());
  return join(low, high);
}

function modOfPair(a: F64x2, b: F64x2): F64x2 {
  const [rest, divisor] = [f64x2.variable(a, 'rest'), f64x2.variable(b, 'divisor')];
  const isLarge = f64x2.variable(rest.abs().ge(divisor.abs()), 'isLarge');
  whileTrue(
    () => isLarge.anyTrue(),
    () => {
      const quotient = rest.div(divisor).and(leading29).trunc();
      // Where |rest| < |divisor|, an infinite divisor would make NaN of it.
      rest.set(rest.sub(quotient.mul(divisor)).where(isLarge, rest));
      isLarge.set(rest.abs().ge(divisor.abs()));
    },
  );
  const zero = f64x2.const(0);
  const isOpposite = rest
    .lt(zero)
    .and(divisor.gt(zero))
    .or(rest.gt(zero).and(divisor.lt(zero)));
  // With a quotient that was rounded up, `rest` is a little below 0: the same addition is right.
  return f64x2.variable(rest.add(divisor.where(isOpposite, zero)).or(divisor.ne(divisor)), 'mod');
}
