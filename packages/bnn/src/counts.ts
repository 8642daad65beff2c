import {
  type BitConv2dOptions,
  checkNumber,
  type DType,
  DTypeError,
  type Tensor,
  wholeNumbers,
} from '@mobinet/tensor/functions';
import { checkPaddingValue } from '@mobinet/tensor/kernels';

/**
 * The counts c of a bit convolution: i16 stores c itself; u8 stores the number d of signs that differ, where
 * c = signs − 2·d (see `bitConv2d`).
 */
export type Counts = Tensor<'i16' | 'u8'>;

/**
 * The smallest dtype that can store the counts of a filter with `signs` weights. Zero padding rules out u8: a padded
 * tap is neither equal nor different, so c is not a function of d.
 *
 * @param signs The number of weights of a filter.
 * @param options What pads the images, as an option of `bitConv2d`.
 * @returns `'u8'` for up to 255 signs without zero padding, else `'i16'`.
 * @throws RangeError if `signs` is not a whole number, or for an unknown `paddingValue`.
 * @example
 * ```ts
 * import { countDType } from '@mobinet/bnn/kernels';
 *
 * console.log(countDType(72, {}), countDType(288, {}), countDType(72, { paddingValue: 'zero' }));
 * // → u8 i16 i16
 * ```
 */
export function countDType(signs: number, { paddingValue }: Pick<BitConv2dOptions, 'paddingValue'>): 'u8' | 'i16' {
  if (paddingValue !== undefined) checkPaddingValue('countDType', paddingValue);
  checkNumber('countDType: signs', signs, wholeNumbers(0));
  return signs <= 255 && paddingValue !== 'zero' ? 'u8' : 'i16';
}

/** The count c for a stored value. `signs` is the number of weights of a filter. */
export const countOf = (dtype: Counts['dtype'], signs: number, stored: number): number =>
  dtype === 'u8' ? signs - 2 * stored : stored;

/** Counts of i32 are also right: no kernel reads them, so the definition runs. @throws DTypeError for other dtypes. */
export function checkCounts(op: string, { dtype }: Tensor<DType>): void {
  if (dtype !== 'i16' && dtype !== 'u8' && dtype !== 'i32') {
    throw new DTypeError(`${op}: the counts must be u8, i16 or i32, not ${dtype}`);
  }
}
