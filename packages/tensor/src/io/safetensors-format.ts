import type { DType } from '../dtype.js';
import type { Shape } from '../shape.js';

/*
 * The safetensors format (https://github.com/huggingface/safetensors):
 *
 *     8 bytes    n, the length of the header: an unsigned little-endian integer
 *     n bytes    the header: JSON in UTF-8, padded with spaces
 *                { "name": { "dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end] }, …,
 *                  "__metadata__": { "key": "value" } }
 *     the data   the elements, row-major and little-endian; offsets are relative to its start
 *
 * The tensors cover the data exactly, without gaps or overlaps.
 */

/** The format's names of our dtypes. */
export const dtypeNames = { f32: 'F32', i32: 'I32', u32: 'U32', i16: 'I16', u8: 'U8' } as const satisfies Record<
  DType,
  string
>;

/** The key under which the header contains the metadata. */
export const metadataKey = '__metadata__';

/** The number of bytes before the header. */
export const lengthBytes = 8;

/** Describes a tensor in a safetensors file. */
export interface SafetensorsSpec {
  /** Its name in the file. */
  readonly name: string;
  /** Its element type. */
  readonly dtype: DType;
  /** Its shape. */
  readonly shape: Shape;
}

/** String metadata that is stored with the tensors. */
export type SafetensorsMetadata = Readonly<Record<string, string>>;
