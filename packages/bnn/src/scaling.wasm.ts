import {
  chunksOf,
  type F32x4,
  f32,
  f32x4,
  fillRest,
  forEachFour,
  forRange,
  type I32,
  i32,
  i32x4,
  Kernel,
  memoize,
  store,
  storeFour,
  sumOfFour,
} from '@mobinet/tensor/kernels';
import type { ScalingGradient } from './gradient-kinds.js';

const signBit = i32x4.const(-0x80000000).as(f32x4);

/** α, the mean of |w| over the n weights of each filter. */
export const alphaKernel = new Kernel(
  'f32_binary_scale',
  { weight: i32, alpha: i32, n: i32 },
  ({ weight, alpha, n }, from, to) => {
    const size = f32.variable(n.toF32S(), 'size');
    forRange(from, to, 1, (filter) => {
      const row = i32.variable(weight.add(filter.mul(n).mul(4)), 'row');
      const sum = f32x4.variable(0, 'sum');
      forEachFour(n, (offset, rest) => {
        const absolute = f32x4.load(row.add(offset)).abs();
        sum.set(sum.add(fillRest(absolute, rest)));
      });
      store(alpha.add(filter.mul(4)), sumOfFour(sum).div(size));
    });
  },
);

/** Filters of n weights that a thread takes at a time. */
export const filterGrain = (filters: number, n: number): number => chunksOf(filters, 5 + n * 0.15);

/** ∂L/∂W from ∂L/∂Ŵ, filter by filter; `weightGradient` has the equations. */
export const weightGradientKernel = memoize(
  (mode: ScalingGradient) =>
    new Kernel(
      `f32_binary_weight_gradient_${mode}`,
      { gradient: i32, weight: i32, alpha: i32, dw: i32, n: i32 },
      ({ gradient, weight, alpha: alphas, dw, n }, from, to) => {
        const zero = f32x4.const(0);
        const size = f32.variable(n.toF32S(), 'size');
        forRange(from, to, 1, (filter) => {
          const first = i32.variable(filter.mul(n).mul(4), 'first');
          const [g, w, target] = [gradient, weight, dw].map((at) => i32.variable(at.add(first)));
          // Xor with this multiplies by sign(w), which is never 0.
          const flip = (offset: I32): F32x4 => f32x4.load(w.add(offset)).lt(zero).and(signBit);
          const alignment = f32x4.variable(0, 'alignment');
          if (mode === 'full') {
            forEachFour(n, (offset, rest) => {
              const aligned = f32x4.load(g.add(offset)).xor(flip(offset));
              alignment.set(alignment.add(fillRest(aligned, rest)));
            });
            alignment.set(f32x4.splat(sumOfFour(alignment).div(size)));
          }
          const alpha = f32x4.variable(f32x4.splat(f32.load(alphas.add(filter.mul(4)))), 'alpha');
          const diagonal = f32x4.variable(f32x4.splat(f32.const(1).div(size)), 'diagonal');
          forEachFour(n, (offset, rest) => {
            const value = f32x4.variable(f32x4.load(g.add(offset)), 'value');
            const magnitude = f32x4.variable(f32x4.load(w.add(offset)).abs(), 'magnitude');
            const isInside = f32x4.const(1).ge(magnitude);
            const throughSign = alpha.mul(value).and(isInside);
            const sum =
              mode === 'full'
                ? throughSign.add(alignment.xor(flip(offset)).and(magnitude.gt(zero)))
                : mode === 'xnor-net'
                  ? throughSign.add(value.mul(diagonal))
                  : throughSign;
            storeFour(target.add(offset), f32x4.variable(sum, 'sum'), rest);
          });
        });
      },
    ),
);
