import { checkTensor, quote, shown } from '../check.js';
import { bytesPerElement, type DType, dtypes } from '../dtype.js';
import { FormatError } from '../errors.js';
import { type Shape, sizeOf } from '../shape.js';
import { emptyTensor, type Tensor } from '../tensor.js';
import type { UnsharedBytes } from '../unshared-bytes.js';
import { bytesOf, copyOfBytes } from './bytes.js';
import { describeForeign } from './foreign.js';

/*
 * The safetensors format (https://github.com/huggingface/safetensors):
 *
 *     8 bytes    n, the length of the header: an unsigned little-endian integer
 *     n bytes    the header: UTF-8 JSON, padded with spaces
 *                { "name": { "dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end] }, …,
 *                  "__metadata__": { "key": "value" } }
 *     the rest   the elements, row-major and little-endian; offsets count from here
 *
 * The tensors fill the rest exactly, without holes or overlaps.
 */

const dtypeNames = { f32: 'F32', i32: 'I32', u32: 'U32', i16: 'I16', u8: 'U8' } as const satisfies Record<
  DType,
  string
>;
const dtypesByName = new Map<unknown, DType>(dtypes.map((dtype) => [dtypeNames[dtype], dtype]));
const supported = [...dtypesByName.keys()].join(', ');

const metadataKey = '__metadata__';
const lengthBytes = 8;
const alignment = 8;

/** The reference implementation's limit: enough for a million tensors, too little to exhaust memory. */
const largestHeader = 100_000_000;

/** What the header says of a tensor, and all that predicts a file's size. */
export interface SafetensorsSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Texts that travel with the tensors. */
export type SafetensorsMetadata = Readonly<Record<string, string>>;

/**
 * Writes tensors to the bytes of a safetensors file. The same tensors in the same order give the same bytes.
 *
 * @throws FormatError if a tensor is called `__metadata__`.
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

/** How long the file of tensors like these will be, to the byte. */
export function safetensorsByteLength(specs: readonly SafetensorsSpec[], metadata: SafetensorsMetadata = {}): number {
  const { header, dataLength } = layOut(specs, metadata);
  return lengthBytes + header.length + dataLength;
}

const byteLengthOf = ({ dtype, shape }: { dtype: DType; shape: Shape }): number =>
  sizeOf(shape) * bytesPerElement(dtype);

/**
 * The header names the tensors in their order. Their data is in that order too, except that wider elements come before
 * narrower ones: so every tensor is aligned, and a reader may map the file into memory.
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
  // Written piece by piece: an object would put names like "0" first, and take "__proto__" for its prototype.
  const members = specs.map((spec, index) => {
    if (spec.name === metadataKey) throw new FormatError(`safetensors: a tensor cannot be called ${metadataKey}`);
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

/** The contents of a safetensors file. The tensors are in the order of the header. */
export interface Safetensors {
  tensors: Map<string, Tensor<DType>>;
  metadata: Record<string, string>;
}

/**
 * Reads the bytes of a safetensors file. The file is not trusted: everything it says is checked before any tensor is
 * made.
 *
 * @param options.source The file's name, for errors.
 * @throws FormatError with one line that says what is wrong, and where.
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
 * The texts in a safetensors file, without its tensors: enough to tell what the file is.
 * @throws FormatError, one line, if it is none.
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

/** What is no safetensors file is called by its name, where that is known. */
function readHeader(bytes: Uint8Array, fail: Fail): Header {
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`a safetensors file is read from a Uint8Array, not from ${shown(bytes)}`);
  }
  const failHere = (problem: string): never => {
    const foreign = describeForeign(bytes);
    return fail(foreign === null ? problem : `it is no safetensors file, but ${foreign}`);
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
    fail(`it is no safetensors file: its first bytes would make a header of more than ${largestHeader} bytes`);
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

/** The names in the header, in the file's order. `JSON.parse` would hide repeated ones and move those like "0". */
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
        if (names.has(name)) fail(`tensor ${quote(name)}: the header has it twice`);
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
    const cut = end > dataLength ? '. It may have been cut off: take it from where it was made once more' : '';
    return failHere(`data_offsets ${quote(offsets)} are out of range: the file has ${dataLength} bytes of data${cut}`);
  }
  if (end - begin !== byteLength) {
    const needs = `${value.dtype} ${quote(shape)} needs ${byteLength}`;
    return failHere(`data_offsets ${quote(offsets)} hold ${end - begin} bytes, but ${needs}`);
  }
  return { name, dtype, shape, begin, end };
}

const isListOfSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((size) => Number.isInteger(size) && size >= 0);

/** Every byte of the data belongs to one tensor. */
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
