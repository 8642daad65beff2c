import type { AnyTensor } from '@mobinet/tensor';
import { type F32x4, f32x4, type I16x8, type I32, i16x8, i32, i32x4 } from '@mobinet/tensor/kernels';
import type { Counts } from './counts.js';

// How kernels read the counts of a bit convolution.

export type CountDType = Counts['dtype'];

/** Bytes of one count. */
export const bytesOf: Record<CountDType, number> = { i16: 2, u8: 1 };

/** Eight counts from memory. `signs` is n of a filter, in every lane. */
export function loadCounts(dtype: CountDType, signs: I16x8, address: I32, offset = 0): I16x8 {
  if (dtype === 'i16') return i16x8.load(address, offset);
  const differences = i16x8.load8U(address, offset);
  return signs.sub(differences.shl(i32.const(1)));
}

/** Four counts from memory as floats, split into what is above 0 and what is below. `signs` is n of a filter, four times. */
export function splitCounts(dtype: CountDType, signs: F32x4, address: I32, offset = 0): { above: F32x4; below: F32x4 } {
  const four = dtype === 'i16' ? i32x4.load16S(address, offset) : i32x4.load8U(address, offset);
  const number = four.toF32x4S();
  return splitAtZero(dtype === 'i16' ? number : signs.subMul(number, f32x4.const(2)));
}

/** What of four numbers is above 0, and what below. */
export function splitAtZero(numbers: F32x4): { above: F32x4; below: F32x4 } {
  const count = f32x4.variable(numbers, 'count');
  const zero = f32x4.const(0);
  return { above: count.pmax(zero), below: count.pmin(zero) };
}

/** The kernels take channels eight at a time, and counts of one byte or two; others are left to the definition. */
export function hasKernels(operands: readonly AnyTensor[]): boolean {
  return operands.every(({ shape, size, dtype }) => size > 0 && shape[shape.length - 1] % 8 === 0 && dtype !== 'i32');
}
