import type { BitConv2dOptions, Tensor } from '@mobinet/tensor';

/**
 * The counts c of a bit convolution: as they are, or, in u8, as the numbers d of signs that differ, with c = signs − 2·d
 * (`bitConv2d`).
 */
export type Counts = Tensor<'i16' | 'u8'>;

/** The smallest that holds the counts of a filter. A border of zero is none of signs, so that it cannot be counted as such. */
export function countDType(signs: number, { paddingValue }: Pick<BitConv2dOptions, 'paddingValue'>): 'u8' | 'i16' {
  return signs <= 255 && paddingValue !== 'zero' ? 'u8' : 'i16';
}

/** The count that is meant by what is stored. `signs` is n of a filter. */
export const countOf = (dtype: Counts['dtype'], signs: number, stored: number): number =>
  dtype === 'u8' ? signs - 2 * stored : stored;
