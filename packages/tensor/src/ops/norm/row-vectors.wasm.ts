import {
  type F32,
  type F32x4,
  type F64,
  f32x4,
  f64,
  fillRest,
  forRange,
  type I32,
  i32,
  type Rest,
  store,
  storeFour,
  sumOfFour,
  type Variable,
  when,
} from '../../wasm/assembler.js';

// Building blocks of the kernels that normalize groups.

/**
 * The distance between an element and the mean of its group, in standard deviations and squared, from which on sums of
 * distances to that element are too inaccurate for the variance, a small difference of large numbers.
 */
export const farSquared = 16;

/** 1 / √(variance + ε). */
export function inverseDeviation(variance: F32, epsilon: F32): F32 {
  return f64.const(1).div(variance.toF64().add(epsilon.toF64()).sqrt()).toF32();
}

/** A number of columns in double precision, also if single precision could not represent it. */
export function wholeToF64(count: I32): F64 {
  return count.shrU(12).toF32S().toF64().mul(f64.const(4096)).add(count.and(4095).toF32S().toF64());
}

/** Vectors per iteration, each with a sum of its own, so that additions need not wait for one another. */
const unrolled = 4;
/** Bytes of a row whose sum is in single precision. The sums of such parts are added in double precision. */
const partBytes = 4096;

/** Code for four numbers of a row, at the position `offset + more` in bytes, where `more` is known beforehand. */
export type VectorBody = (offset: I32, more: number, rest: Rest) => void;

/** Emits `body` for all numbers of a row. */
export function forEachVector(columns: I32, body: VectorBody): void {
  const whole = i32.variable(columns.and(-4).mul(4), 'whole');
  forWholeVectors(i32.const(0), whole, body);
  const rest = i32.variable(columns.and(3), 'rest');
  when(rest, () => body(whole, 0, rest));
}

/** Emits `body` for the vectors from one position to another. */
export function forWholeVectors(from: I32, to: I32, body: VectorBody): void {
  const several = 16 * unrolled;
  const end = i32.variable(to.sub(from).and(-several).add(from), 'end');
  forRange(from, end, several, (offset) => {
    for (let vector = 0; vector < unrolled; vector++) body(offset, 16 * vector, null);
  });
  forRange(end, to, 16, (offset) => body(offset, 0, null));
}

/** Stores four numbers of a row, or only those that exist. */
export function storeVector(address: I32, value: F32x4, more: number, rest: Rest): void {
  if (rest === null) store(address, value, more);
  else storeFour(address, value, rest);
}

/** Sets `totals` to the sums of terms over a row. `terms` is called like the body of `forEachVector`. */
export function rowSums(
  columns: I32,
  totals: readonly Variable<F64>[],
  terms: (...place: Parameters<VectorBody>) => readonly F32x4[],
): void {
  const sums = totals.map(() => Array.from({ length: unrolled }, () => f32x4.variable(0, 'sum')));
  for (const total of totals) total.set(f64.const(0));
  const addTo = (total: Variable<F64>, four: F32x4): void => total.set(total.add(sumOfFour(four).toF64()));
  const whole = i32.variable(columns.and(-4).mul(4), 'whole');
  forRange(0, whole, partBytes, (start) => {
    for (const own of sums) for (const sum of own) sum.set(f32x4.const(0));
    forWholeVectors(start, i32.variable(start.add(partBytes).minU(whole), 'partEnd'), (offset, more) => {
      terms(offset, more, null).forEach((term, kind) => {
        const sum = sums[kind][more / 16];
        sum.set(sum.add(term));
      });
    });
    totals.forEach((total, kind) => {
      const [a, b, c, d] = sums[kind];
      addTo(total, f32x4.variable(a.add(b).add(c.add(d)), 'sumOfParts'));
    });
  });
  const rest = i32.variable(columns.and(3), 'rest');
  when(rest, () =>
    terms(whole, 0, rest).forEach((term, kind) => {
      addTo(totals[kind], f32x4.variable(fillRest(term, rest), 'last'));
    }),
  );
}
