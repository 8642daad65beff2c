import {
  chunksOf,
  type F32x4,
  f32,
  f32x4,
  forRange,
  type I32,
  i32,
  i32x4,
  Kernel,
  kernelFamily,
  store,
  storeLane,
  when,
} from '@mobinet/tensor/kernels';
import type { ScalingGradient } from './scaling.js';

const signBit = i32x4.const(-0x80000000).as(f32x4);

/** Lanes below `count` as they are, the others 0. */
function firstLanes(value: F32x4, count: I32): F32x4 {
  const isThere = i32x4.splat(count).gtS(i32x4.const(0, 1, 2, 3));
  return value.and(isThere.as(f32x4));
}

/** Statements for the numbers of a row, four at a time; for the last one to three, `rest` says how many. */
function forEachFour(length: I32, body: (offset: I32, rest: I32 | null) => void): void {
  const whole = i32.variable(length.and(-4).mul(4), 'whole');
  forRange(0, whole, 16, (offset) => body(offset, null));
  const rest = i32.variable(length.and(3), 'rest');
  when(rest, () => body(whole, rest));
}

const sumOfLanes = (sum: F32x4) =>
  sum
    .lane(0)
    .add(sum.lane(1))
    .add(sum.lane(2).add(sum.lane(3)));

/** The mean of |w| of each filter of n weights. */
export const scaleKernel = new Kernel(
  'f32_binary_scale',
  { weight: i32, scale: i32, n: i32 },
  ({ weight, scale, n }, from, to) => {
    const size = f32.variable(n.toF32S(), 'size');
    forRange(from, to, 1, (filter) => {
      const row = i32.variable(weight.add(filter.mul(n).mul(4)), 'row');
      const sum = f32x4.variable(0, 'sum');
      forEachFour(n, (offset, rest) => {
        const absolute = f32x4.load(row.add(offset)).abs();
        sum.set(sum.add(rest ? firstLanes(absolute, rest) : absolute));
      });
      store(scale.add(filter.mul(4)), sumOfLanes(sum).div(size));
    });
  },
);

export const scaleGrain = (filters: number, n: number): number => chunksOf(filters, 5 + n * 0.15);

/** ∂L/∂W from ∂L/∂Ŵ, filter by filter: scaling.ts has the rules. */
export const weightGradientKernel = kernelFamily(
  (mode: ScalingGradient) =>
    new Kernel(
      `f32_binary_weight_gradient_${mode}`,
      { gradient: i32, weight: i32, scale: i32, dw: i32, n: i32 },
      ({ gradient, weight, scale, dw, n }, from, to) => {
        const zero = f32x4.const(0);
        const size = f32.variable(n.toF32S(), 'size');
        forRange(from, to, 1, (filter) => {
          const first = i32.variable(filter.mul(n).mul(4), 'first');
          const [g, w, target] = [gradient, weight, dw].map((at) => i32.variable(at.add(first)));
          // A sign that is never 0: what is below 0 flips the sign bit.
          const flip = (offset: I32): F32x4 => f32x4.load(w.add(offset)).lt(zero).and(signBit);
          const alignment = f32x4.variable(0, 'alignment');
          if (mode === 'full') {
            forEachFour(n, (offset, rest) => {
              const aligned = f32x4.load(g.add(offset)).xor(flip(offset));
              alignment.set(alignment.add(rest ? firstLanes(aligned, rest) : aligned));
            });
            alignment.set(f32x4.splat(sumOfLanes(alignment).div(size)));
          }
          const alpha = f32x4.variable(f32x4.splat(f32.load(scale.add(filter.mul(4)))), 'alpha');
          const diagonal = f32x4.variable(f32x4.splat(f32.const(1).div(size)), 'diagonal');
          forEachFour(n, (offset, rest) => {
            const own = f32x4.variable(f32x4.load(g.add(offset)), 'own');
            const isInside = f32x4.const(1).ge(f32x4.load(w.add(offset)).abs());
            const throughSign = alpha.mul(own).and(isInside);
            const sum =
              mode === 'full'
                ? throughSign.add(alignment.xor(flip(offset)))
                : mode === 'xnor-net'
                  ? throughSign.add(own.mul(diagonal))
                  : throughSign;
            if (!rest) return store(target.add(offset), sum);
            const last = f32x4.variable(sum, 'last');
            for (const lane of [0, 1, 2]) {
              when(rest.gtS(lane), () => storeLane(target.add(offset), last, lane, 4 * lane));
            }
          });
        });
      },
    ),
);
