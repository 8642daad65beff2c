import { checkTensor, shown } from '../check.js';
import { bytesPerElement, type DType } from '../dtype.js';
import { FormatError } from '../errors.js';
import { type Shape, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import type { UnsharedBytes } from '../unshared-bytes.js';
import { bytesOf } from './bytes.js';
import {
  dtypeNames,
  lengthBytes,
  metadataKey,
  type SafetensorsMetadata,
  type SafetensorsSpec,
} from './safetensors-format.js';

/** The header is padded to a multiple of this, so that the data is aligned. */
const alignment = 8;

/**
 * Encodes tensors as a safetensors file. The same tensors in the same order give the same bytes.
 *
 * @param tensors The tensors by name. They must be on the CPU.
 * @param metadata Strings to store with the tensors. Default: none.
 * @returns The bytes of the file.
 * @throws FormatError if a tensor is named `__metadata__`.
 * @throws BackendError if a tensor is on a GPU.
 *
 * @example
 * ```ts
 * import { encodeSafetensors, tensor } from '@mobinet/tensor';
 *
 * const bytes = encodeSafetensors({ x: tensor([1, 2]) });
 * console.log(new TextDecoder().decode(bytes.subarray(8, -8)).trim()); // the header, before 8 bytes of elements
 * // → {"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}
 * ```
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor<DType>> | Readonly<Record<string, Tensor<DType>>>,
  metadata: SafetensorsMetadata = {},
): UnsharedBytes {
  if (typeof tensors !== 'object' || tensors === null) {
    throw new TypeError(`encodeSafetensors: needs tensors by name, not ${shown(tensors)}`);
  }
  const named = Symbol.iterator in tensors ? [...tensors] : Object.entries(tensors);
  for (const [name, tensor] of named) checkTensor('encodeSafetensors', tensor, name);
  const specs = named.map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  const { header, begins, dataLength } = layOut(specs, metadata);
  const dataStart = lengthBytes + header.length;
  const file = new Uint8Array(dataStart + dataLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, lengthBytes);
  named.forEach(([, tensor], index) => {
    file.set(bytesOf(tensor), dataStart + begins[index]);
  });
  return file;
}

/**
 * Returns the exact size in bytes of the file that `encodeSafetensors` would return, without encoding it.
 *
 * @example
 * ```ts
 * import { encodeSafetensors, safetensorsByteLength, zeros } from '@mobinet/tensor';
 *
 * const x = zeros([3, 4]);
 * const size = safetensorsByteLength([{ name: 'x', dtype: x.dtype, shape: x.shape }]);
 * console.log(size === encodeSafetensors({ x }).length);
 * // → true
 * ```
 */
export function safetensorsByteLength(specs: readonly SafetensorsSpec[], metadata: SafetensorsMetadata = {}): number {
  const { header, dataLength } = layOut(specs, metadata);
  return lengthBytes + header.length + dataLength;
}

const byteLengthOf = ({ dtype, shape }: { dtype: DType; shape: Shape }): number =>
  sizeOf(shape) * bytesPerElement(dtype);

/**
 * Lays out the file. The header lists the tensors in their order. The data is in the same order, except that tensors
 * with wider elements come first. This aligns every tensor, so that readers can map the file into memory.
 */
function layOut(
  specs: readonly SafetensorsSpec[],
  metadata: SafetensorsMetadata,
): { header: Uint8Array; begins: number[]; dataLength: number } {
  const begins = new Array<number>(specs.length);
  let dataLength = 0;
  for (const width of [4, 2, 1]) {
    specs.forEach((spec, index) => {
      if (bytesPerElement(spec.dtype) !== width) return;
      begins[index] = dataLength;
      dataLength += byteLengthOf(spec);
    });
  }
  // Not JSON.stringify of one object, which would put names like "0" first and treat "__proto__" as its prototype.
  const members = specs.map((spec, index) => {
    if (spec.name === metadataKey) throw new FormatError(`safetensors: a tensor cannot be named ${metadataKey}`);
    const data_offsets = [begins[index], begins[index] + byteLengthOf(spec)];
    return member(spec.name, { dtype: dtypeNames[spec.dtype], shape: spec.shape, data_offsets });
  });
  if (Object.keys(metadata).length > 0) members.unshift(member(metadataKey, metadata));
  const json = new TextEncoder().encode(`{${members.join(',')}}`);
  const header = new Uint8Array(Math.ceil(json.length / alignment) * alignment).fill(0x20);
  header.set(json);
  return { header, begins, dataLength };
}

const member = (name: string, value: object): string => `${JSON.stringify(name)}:${JSON.stringify(value)}`;
