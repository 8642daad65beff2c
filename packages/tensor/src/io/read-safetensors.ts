import { quote, shown } from '../check.js';
import { bytesPerElement, type DType, dtypes } from '../dtype.js';
import { FormatError } from '../errors.js';
import { emptyTensor, type Tensor } from '../tensor.js';
import { bytesOf, copyOfBytes } from './bytes.js';
import { describeForeign } from './foreign.js';
import { dtypeNames, lengthBytes, metadataKey, type SafetensorsSpec } from './safetensors-format.js';

const dtypesByName = new Map<unknown, DType>(dtypes.map((dtype) => [dtypeNames[dtype], dtype]));
const supported = [...dtypesByName.keys()].join(', ');

/** The limit of the reference implementation: enough for a million tensors, too little to exhaust memory. */
const largestHeader = 100_000_000;

/** The contents of a safetensors file. The tensors are in the order of the file's header. */
export interface Safetensors {
  /** The tensors by name. */
  tensors: Map<string, Tensor<DType>>;
  /** The strings that are stored with them. Empty if there are none. */
  metadata: Record<string, string>;
}

/**
 * Decodes a safetensors file. The file is not trusted: all of it is validated before any tensor is created. The tensors
 * are created on the CPU.
 *
 * @param bytes The file.
 * @param options Optional.
 * @param options.source The file's name, for messages.
 * @throws FormatError with one line that says what is wrong, and where.
 *
 * @example
 * ```ts
 * import { decodeSafetensors, encodeSafetensors, ones, zeros } from '@mobinet/tensor';
 *
 * const file = encodeSafetensors({ weight: ones([2, 3]), bias: zeros([2]) }, { format: 'pt' });
 * const { tensors, metadata } = decodeSafetensors(file);
 * console.log(`${Array.from(tensors, ([name, { shape }]) => `${name} [${shape}]`).join(', ')}; ${metadata.format}`);
 * // → weight [2,3], bias [2]; pt
 * ```
 */
export function decodeSafetensors(bytes: Uint8Array, { source = 'safetensors' } = {}): Safetensors {
  const fail = failAt(source);
  const { json, header, dataStart } = readHeader(bytes, fail);
  const dataLength = bytes.length - dataStart;
  const entries = namesInOrder(json, fail)
    .filter((name) => name !== metadataKey)
    .map((name) => readEntry(name, header[name], dataLength, fail));
  checkCoverage(entries, dataLength, fail);
  const metadata = readMetadata(header[metadataKey], fail);

  const tensors = new Map<string, Tensor<DType>>();
  for (const { name, dtype, shape, begin, end } of entries) {
    const tensor = emptyTensor(dtype, shape, name, 'cpu');
    bytesOf(tensor).set(bytes.subarray(dataStart + begin, dataStart + end));
    tensors.set(name, tensor);
  }
  return { tensors, metadata };
}

/**
 * Decodes only the metadata of a safetensors file, for example to find out what the file contains.
 *
 * @param bytes The file.
 * @param options Optional.
 * @param options.source The file's name, for messages.
 * @throws FormatError with one line if it is not a safetensors file.
 *
 * @example
 * ```ts
 * import { decodeSafetensorsMetadata, encodeSafetensors, zeros } from '@mobinet/tensor';
 *
 * console.log(decodeSafetensorsMetadata(encodeSafetensors({ x: zeros([9]) }, { epoch: '3' })).epoch);
 * // → 3
 * ```
 */
export function decodeSafetensorsMetadata(bytes: Uint8Array, { source = 'safetensors' } = {}): Record<string, string> {
  const fail = failAt(source);
  return readMetadata(readHeader(bytes, fail).header[metadataKey], fail);
}

type Fail = (problem: string) => never;

const failAt =
  (source: string): Fail =>
  (problem) => {
    throw new FormatError(`${source}: ${problem}`);
  };

interface Entry extends SafetensorsSpec {
  readonly begin: number;
  readonly end: number;
}

interface Header {
  readonly json: string;
  readonly header: Record<string, unknown>;
  readonly dataStart: number;
}

/** Reads the header. If the file has another format that can be recognized, the error names it. */
function readHeader(bytes: Uint8Array, fail: Fail): Header {
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`a safetensors file is read from a Uint8Array, not from ${shown(bytes)}`);
  }
  const failHere = (problem: string): never => {
    const foreign = describeForeign(bytes);
    return fail(foreign === null ? problem : `not a safetensors file, but ${foreign}`);
  };
  const { json, dataStart } = readText(bytes, failHere);
  return { json, dataStart, header: parseObject(json, failHere) };
}

function readText(bytes: Uint8Array, fail: Fail): { json: string; dataStart: number } {
  if (bytes.length < lengthBytes) {
    fail(`${bytes.length} bytes are too few for a safetensors file, which starts with ${lengthBytes} bytes of length`);
  }
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > largestHeader) {
    fail(`not a safetensors file: its first bytes would mean a header of more than ${largestHeader} bytes`);
  }
  if (length > bytes.length - lengthBytes) {
    fail(`the header should have ${length} bytes, but only ${bytes.length - lengthBytes} follow`);
  }
  try {
    const dataStart = lengthBytes + length;
    const json = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      copyOfBytes(bytes, lengthBytes, dataStart),
    );
    return { json, dataStart };
  } catch {
    return fail('the header is not UTF-8 text');
  }
}

function parseObject(json: string, fail: Fail): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return fail('the header is not JSON');
  }
  return isObject(value) ? value : fail('the header is not a JSON object');
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The names in the header, in the file's order. `JSON.parse` would drop repeated names and move names like "0". */
function namesInOrder(json: string, fail: Fail): string[] {
  const names = new Set<string>();
  let depth = 0;
  let expectsName = false;
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') depth--;
    if (char === '"') {
      const start = at;
      for (at++; json[at] !== '"'; at++) if (json[at] === '\\') at++;
      if (expectsName) {
        const name: string = JSON.parse(json.slice(start, at + 1));
        if (names.has(name)) fail(`tensor ${quote(name)}: it appears twice in the header`);
        names.add(name);
      }
      expectsName = false;
    } else if (char === '{' || char === ',') expectsName = depth === 1;
  }
  return [...names];
}

function readEntry(name: string, value: unknown, dataLength: number, fail: Fail): Entry {
  const failHere = (problem: string): never => fail(`tensor ${quote(name)}: ${problem}`);
  if (!isObject(value)) return failHere(`its entry is ${quote(value)}, not an object`);
  const dtype = dtypesByName.get(value.dtype);
  if (dtype === undefined) return failHere(`dtype ${quote(value.dtype)} is not supported, only ${supported}`);
  const { shape, data_offsets: offsets } = value;
  if (!isListOfSizes(shape)) return failHere(`shape ${quote(shape)} is not a list of whole numbers, 0 or more`);
  let byteLength = bytesPerElement(dtype);
  for (const size of shape) byteLength *= size;
  if (!shape.every(Number.isSafeInteger) || !Number.isSafeInteger(byteLength)) {
    return failHere(`shape ${quote(shape)} is too large`);
  }
  if (!isListOfSizes(offsets) || offsets.length !== 2) {
    return failHere(`data_offsets ${quote(offsets)} are not two whole numbers, 0 or more`);
  }
  const [begin, end] = offsets;
  if (begin > end || end > dataLength) {
    const hint = end > dataLength ? '. It may be truncated: fetch it again' : '';
    return failHere(`data_offsets ${quote(offsets)} are out of range: the file has ${dataLength} bytes of data${hint}`);
  }
  if (end - begin !== byteLength) {
    const needs = `${value.dtype} ${quote(shape)} needs ${byteLength}`;
    return failHere(`data_offsets ${quote(offsets)} hold ${end - begin} bytes, but ${needs}`);
  }
  return { name, dtype, shape, begin, end };
}

const isListOfSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((size) => Number.isInteger(size) && size >= 0);

/** Checks that every byte of the data belongs to exactly one tensor. */
function checkCoverage(entries: readonly Entry[], dataLength: number, fail: Fail): void {
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < covered) fail(`tensor ${quote(name)}: its data overlaps another tensor's, at byte ${begin}`);
    if (begin > covered)
      fail(`tensor ${quote(name)}: bytes ${covered} to ${begin} before its data belong to no tensor`);
    covered = end;
  }
  if (covered < dataLength) fail(`the last ${dataLength - covered} bytes belong to no tensor`);
}

function readMetadata(value: unknown, fail: Fail): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value)) return fail(`${metadataKey} is ${quote(value)}, not an object`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') fail(`${metadataKey} ${quote(key)} is ${quote(text)}, not a string`);
  }
  return value as Record<string, string>;
}
