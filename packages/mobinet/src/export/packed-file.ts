import { type DType, dispose, FormatError, type Tensor, wordBits } from '@mobinet/tensor';
import { messageOf, oneLine } from '../data/errors.js';
import { checkPreprocessing, type Preprocessing } from '../data/prepare.js';
import { type MoBiNetOptions, resolveOptions } from '../model/options.js';
import { planNetwork } from '../model/plan.js';
import { decodeChecked, packedFormat } from './checked-file.js';
import { checkClasses, checkFinite } from './metadata.js';
import { type PackedInfo, packedSpecs } from './packed-format.js';

/** What a packed file holds: all tensors of its format (packed-format.ts), by name. */
export interface PackedFile {
  readonly info: PackedInfo;
  readonly tensors: PackedTensors;
}

export type PackedTensors = ReadonlyMap<string, Tensor<DType>>;

/**
 * Reads a packed file. The tensors are the caller's to dispose of.
 * @param source What errors call the file.
 * @throws FormatError, one line that names the tensor, if it is not what its options promise.
 */
export function decodePacked(bytes: Uint8Array, source = 'packed model'): PackedFile {
  const { tensors, metadata } = decodeChecked(bytes, packedFormat, source);
  try {
    const info = readInfo(metadata, source);
    checkTensors(tensors, info.options, source);
    return { info, tensors };
  } catch (error) {
    dispose(tensors);
    throw error;
  }
}

function readInfo(metadata: Record<string, string>, source: string): PackedInfo {
  try {
    const options = resolveOptions(JSON.parse(metadata.options));
    if (options.precision !== 'binary') throw new RangeError(`a packed network is binary, not ${options.precision}`);
    planNetwork(options);
    return {
      options,
      ...(metadata.classes !== undefined && { classes: readClasses(metadata.classes, options) }),
      ...(metadata.preprocessing !== undefined && { preprocessing: readPreprocessing(metadata.preprocessing) }),
    };
  } catch (error) {
    throw new FormatError(oneLine(`${source}: its metadata cannot be read: ${messageOf(error)}`));
  }
}

function readClasses(json: string, options: MoBiNetOptions): readonly string[] {
  const classes: unknown = JSON.parse(json);
  checkClasses(classes, options.classes);
  return classes;
}

function readPreprocessing(json: string): Preprocessing {
  const preprocessing: unknown = JSON.parse(json);
  checkPreprocessing(preprocessing);
  return preprocessing;
}

function hasTailBits(words: ArrayLike<number>, rowWords: number, rowBits: number): boolean {
  const used = rowBits % wordBits;
  if (used === 0) return false;
  for (let last = rowWords - 1; last < words.length; last += rowWords) if (words[last] >>> used !== 0) return true;
  return false;
}

function checkTensors(tensors: PackedTensors, options: MoBiNetOptions, source: string): void {
  const specs = packedSpecs(options);
  for (const { name, dtype, shape, rowBits } of specs) {
    const found = tensors.get(name);
    if (!found) throw new FormatError(`${source}: tensor ${name} is missing`);
    if (found.dtype !== dtype || found.shape.join() !== shape.join()) {
      throw new FormatError(
        `${source}: tensor ${name} is ${found.dtype} [${found.shape}], but its options ask for ${dtype} [${shape}]`,
      );
    }
    checkFinite(name, found, source);
    if (rowBits !== undefined && hasTailBits(found.values, shape[1], rowBits)) {
      throw new FormatError(`${source}: tensor ${name} has bits set beyond the ${rowBits} weights of a filter`);
    }
  }
  const known = new Set(specs.map(({ name }) => name));
  for (const name of tensors.keys()) {
    if (!known.has(name)) throw new FormatError(`${source}: tensor ${name} does not belong to this network`);
  }
}
