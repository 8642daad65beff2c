import {
  type DType,
  decodeSafetensors,
  dispose,
  encodeSafetensors,
  FormatError,
  type Safetensors,
  type SafetensorsMetadata,
  type Tensor,
  type UnsharedBytes,
} from '@mobinet/tensor/functions';
import { oneLine } from '../data/errors.js';
import { murmur3 } from './murmur3.js';
import { murmur3OfTensor } from './murmur3.wasm.js';

/** A file format of this library, as its metadata declares it. */
export interface FileFormat {
  readonly format: string;
  readonly version: string;
  /** The remaining metadata keys. */
  readonly keys: readonly string[];
  /** How error messages refer to such a file, with its article. */
  readonly description: string;
  /** What to do with such a file where another format was expected. */
  readonly remedy: string;
}

type Tensors = ReadonlyMap<string, Tensor<DType>>;

/** A packed network of any kind, ready to run: the file contains its program. */
export const packedFormat: FileFormat = {
  format: 'mobinet',
  version: '3',
  keys: ['program', 'classes', 'preprocessing'],
  description: 'a packed model',
  remedy: 'Packed models cannot be trained further: pass the run folder or its checkpoint',
};

/** A training run that can be resumed. */
export const checkpointFormat: FileFormat = {
  format: 'mobinet-checkpoint',
  version: '1',
  keys: ['network', 'options', 'run'],
  description: 'a training checkpoint',
  remedy: 'Pack its network with mobinet export --checkpoint',
};

const formats = [packedFormat, checkpointFormat];

const checksumKey = 'checksum';

/** The full metadata of a file, with a placeholder as long as the checksum: enough to compute the size of the file. */
export function metadataWithPlaceholder(
  { format, version }: FileFormat,
  metadata: SafetensorsMetadata,
): SafetensorsMetadata {
  return { format, version, ...metadata, [checksumKey]: murmur3(new Uint8Array(0)) };
}

/** Encodes a file of the given format, with a checksum over its entire contents. */
export function encodeChecked(format: FileFormat, tensors: Tensors, metadata: SafetensorsMetadata): UnsharedBytes {
  const full = metadataWithPlaceholder(format, metadata);
  return encodeSafetensors(tensors, { ...full, [checksumKey]: checksumOf(tensors, full) });
}

/**
 * Decodes a file of the given format and verifies its checksum, if it has one: the oldest checkpoints do not.
 *
 * @param source The name of the file in error messages.
 * @throws FormatError, one line, if the file has another format or is damaged.
 */
export function decodeChecked(bytes: Uint8Array, expected: FileFormat, source: string): Safetensors {
  const file = decodeSafetensors(bytes, { source });
  try {
    const { tensors, metadata } = file;
    const fail = (problem: string): never => {
      throw new FormatError(oneLine(`${source}: ${problem}`));
    };
    checkFormat(metadata, expected, fail);
    const known = ['format', 'version', checksumKey, ...expected.keys];
    // Damage to the name of the checksum key would otherwise disable the check and hide any other damage.
    const unknown = Object.keys(metadata).find((key) => !known.includes(key));
    if (unknown !== undefined) fail(`unknown metadata key ${JSON.stringify(unknown)} for ${expected.description}`);
    const checksum = Object.hasOwn(metadata, checksumKey) ? metadata[checksumKey] : undefined;
    if (checksum !== undefined && checksum !== checksumOf(tensors, metadata)) {
      fail('the file is damaged: its contents do not match its checksum. Copy it again from where it was created');
    }
    return file;
  } catch (error) {
    dispose(file.tensors);
    throw error;
  }
}

function checkFormat(metadata: SafetensorsMetadata, expected: FileFormat, fail: (problem: string) => never): void {
  const { format, version } = metadata;
  if (format !== expected.format) {
    const other = formats.find((known) => known.format === format);
    if (other) fail(`not ${expected.description}, but ${other.description}. ${other.remedy}`);
    fail(
      `not ${expected.description}: a safetensors file without its metadata. ` +
        'Float weights that were trained elsewhere can be converted with mobinet import',
    );
  }
  if (version !== expected.version) {
    fail(
      `format version ${version} is not supported, only ${expected.version}: another release wrote this file. ` +
        'Create it again from its run with this release',
    );
  }
}

/**
 * Hashes the contents of a file: its metadata except the checksum, and each tensor's name, dtype, shape and the hash of
 * its bytes. Order and spacing do not matter, so the checksum remains valid when other programs rewrite the file.
 */
function checksumOf(tensors: Tensors, metadata: SafetensorsMetadata): string {
  const texts = Object.entries(metadata).filter(([key]) => key !== checksumKey);
  const contents = [...tensors].map(([name, tensor]) => {
    return [name, tensor.dtype, tensor.shape, murmur3OfTensor(tensor)];
  });
  const list = [texts.sort(byName), contents.sort(byName)];
  return murmur3(new TextEncoder().encode(JSON.stringify(list)));
}

function byName([a]: readonly unknown[], [b]: readonly unknown[]): number {
  const [first, second] = [String(a), String(b)];
  return first < second ? -1 : first > second ? 1 : 0;
}
