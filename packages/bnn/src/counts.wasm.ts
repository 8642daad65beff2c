import type { AnyTensor } from '@mobinet/tensor/functions';
import { type F32x4, f32x4, type I16x8, type I32, i8x16, i16x8, i32, i32x4 } from '@mobinet/tensor/kernels';
import type { Counts } from './counts.js';

// How kernels read the counts of a bit convolution.

export type CountDType = Counts['dtype'];

/** Bytes of one count. */
export const bytesOf: Record<CountDType, number> = { i16: 2, u8: 1 };

/** Loads eight counts. Every lane of `signs` holds the number of weights of a filter. */
export function loadCounts(dtype: CountDType, signs: I16x8, address: I32, offset = 0): I16x8 {
  if (dtype === 'i16') return i16x8.load(address, offset);
  const differences = i16x8.load8U(address, offset);
  return signs.sub(differences.shl(i32.const(1)));
}

/** Eight counts as numbers, four each. Every lane of `signs` holds the number of weights of a filter. */
export function numbersOfCounts(dtype: CountDType, signs: F32x4, address: I32, offset = 0): [F32x4, F32x4] {
  if (dtype === 'i16') {
    const counts = i16x8.variable(i16x8.load(address, offset), 'counts');
    return [counts.toI32x4LowS().toF32x4S(), counts.toI32x4HighS().toF32x4S()];
  }
  const bytes = i8x16.variable(i8x16.load(address, offset), 'differences');
  // Each lane takes one byte. Indices beyond the vector select 0.
  const [low, high] = [0, 4].map((first) => {
    const indices = Array.from({ length: 16 }, (_, at) => (at % 4 === 0 ? first + at / 4 : 255));
    return signs.subMul(
      bytes
        .swizzle(i8x16.const(...indices))
        .as(i32x4)
        .toF32x4S(),
      f32x4.const(2),
    );
  });
  return [low, high];
}

/** `splitAtZero` of four counts from memory. Every lane of `signs` holds the number of weights of a filter. */
export function splitCounts(dtype: CountDType, signs: F32x4, address: I32, offset = 0): { above: F32x4; below: F32x4 } {
  const four = dtype === 'i16' ? i32x4.load16S(address, offset) : i32x4.load8U(address, offset);
  const number = four.toF32x4S();
  return splitAtZero(dtype === 'i16' ? number : signs.subMul(number, f32x4.const(2)));
}

/** max(c, 0) and min(c, 0) of four counts c. */
export function splitAtZero(numbers: F32x4): { above: F32x4; below: F32x4 } {
  const count = f32x4.variable(numbers, 'count');
  const zero = f32x4.const(0);
  return { above: count.pmax(zero), below: count.pmin(zero) };
}

/**
 * Whether the kernels can run: they process eight channels at a time, and counts of one or two bytes. If they cannot,
 * the definition runs.
 */
export function hasKernels(operands: readonly AnyTensor[]): boolean {
  return operands.every(({ shape, size, dtype }) => size > 0 && shape[shape.length - 1] % 8 === 0 && dtype !== 'i32');
}
