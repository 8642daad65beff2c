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
} from '@mobinet/tensor';
import { oneLine } from '../data/errors.js';
import { murmur3 } from './murmur3.js';

/** A format of ours: what a file's metadata say of it, and nothing else. */
export interface FileFormat {
  readonly format: string;
  readonly version: string;
  /** The other keys of its metadata. */
  readonly keys: readonly string[];
  /** What errors call such a file, with its article. */
  readonly called: string;
  /** What to do with one where another was asked for. */
  readonly remedy: string;
}

type Tensors = ReadonlyMap<string, Tensor<DType>>;

/** A network of any kind to run: it says itself what it does. */
export const packedFormat: FileFormat = {
  format: 'mobinet',
  version: '2',
  keys: ['program', 'classes', 'preprocessing'],
  called: 'a packed model',
  remedy:
    'It holds the bits of a network and nothing to go on training from. Give the run: its folder, or its checkpoint',
};

/** A training run, from which it can go on. */
export const checkpointFormat: FileFormat = {
  format: 'mobinet-checkpoint',
  version: '1',
  keys: ['network', 'options', 'run'],
  called: 'a training checkpoint',
  remedy: 'Pack its network with mobinet export --checkpoint',
};

const formats = [packedFormat, checkpointFormat];

const checksumKey = 'checksum';

/** The metadata of a format with a place for the checksum, which is as long as the checksum itself: for counting bytes. */
export function unsealedMetadata({ format, version }: FileFormat, metadata: SafetensorsMetadata): SafetensorsMetadata {
  return { format, version, ...metadata, [checksumKey]: murmur3(new Uint8Array(0)) };
}

/** A file of a format, with a checksum over all that it holds. */
export function encodeChecked(format: FileFormat, tensors: Tensors, metadata: SafetensorsMetadata): UnsharedBytes {
  const unsealed = unsealedMetadata(format, metadata);
  return encodeSafetensors(tensors, { ...unsealed, [checksumKey]: checksumOf(tensors, unsealed) });
}

/**
 * Reads a file of a format. Its checksum must be right; those written before there were checksums have none.
 *
 * @param source What errors call the file.
 * @throws FormatError, one line, if it is something else, or was damaged.
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
    // Damage could make the checksum's name another one, and hide what else it did.
    const unknown = Object.keys(metadata).find((key) => !known.includes(key));
    if (unknown !== undefined)
      fail(`its metadata has a key ${JSON.stringify(unknown)} that ${expected.called} has not`);
    const checksum = Object.hasOwn(metadata, checksumKey) ? metadata[checksumKey] : undefined;
    if (checksum !== undefined && checksum !== checksumOf(tensors, metadata)) {
      fail('it is damaged: what it holds does not match its checksum. Take it from where it was made once more');
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
    if (other) fail(`not ${expected.called}, but ${other.called}. ${other.remedy}`);
    fail(
      `not ${expected.called}: a safetensors file without the metadata of one. ` +
        'Float weights that were trained elsewhere become one with mobinet import',
    );
  }
  if (version !== expected.version) {
    fail(
      `version ${version} of the format is not known, only ${expected.version}: it was made by another release. Make it anew, from its run, with this one`,
    );
  }
}

/**
 * The hash of a list of all that a file holds: its metadata but for the checksum itself, and each tensor's name, type, shape and the hash of
 * its bytes. Order and spacing do not count, so that a file stays whole if other programs copy its contents.
 */
function checksumOf(tensors: Tensors, metadata: SafetensorsMetadata): string {
  const texts = Object.entries(metadata).filter(([key]) => key !== checksumKey);
  const contents = [...tensors].map(([name, { dtype, shape, values }]) => {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return [name, dtype, shape, murmur3(bytes)];
  });
  const list = [texts.sort(byName), contents.sort(byName)];
  return murmur3(new TextEncoder().encode(JSON.stringify(list)));
}

function byName([a]: readonly unknown[], [b]: readonly unknown[]): number {
  const [first, second] = [String(a), String(b)];
  return first < second ? -1 : first > second ? 1 : 0;
}
