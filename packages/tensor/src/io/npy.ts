import { checkTensor, quote, shown } from '../check.js';
import { type DType, newTypedArray, type TypedArray, typedArrayOver } from '../dtype.js';
import { FormatError } from '../errors.js';
import { type Shape, sizeOf, stridesOf } from '../shape.js';
import { emptyTensor, type Tensor } from '../tensor.js';
import type { UnsharedBytes } from '../unshared-bytes.js';
import { bytesOf, copyOfBytes } from './bytes.js';
import { describeForeign } from './foreign.js';
import { copyStrided } from './strided.js';

/*
 * The npy format (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html):
 *
 *     6 bytes        "\x93NUMPY"
 *     2 bytes        the version: 1.0, 2.0 (with a 4-byte length) or 3.0 (also with UTF-8 text)
 *     2 or 4 bytes   n, the length of the header, little-endian
 *     n bytes        a Python literal, padded with spaces and a newline so that the data is aligned to 64 bytes:
 *                    {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
 *     the data       the elements
 */

const descriptors = { f32: '<f4', i32: '<i4', u32: '<u4', i16: '<i2', u8: '|u1' } as const satisfies Record<
  DType,
  string
>;
/** How to read an element of one of NumPy's types, and the dtype that it becomes. */
interface Conversion {
  readonly dtype: DType;
  readonly read: (view: DataView, at: number, isLittle: boolean) => number;
}

/**
 * NumPy's number types, by kind and size in bytes. They include f8, i8 and b1, the types of arrays made from lists of
 * Python numbers.
 */
const conversions: Readonly<Record<string, Conversion>> = {
  b1: { dtype: 'u8', read: (view, at) => view.getUint8(at) },
  u1: { dtype: 'u8', read: (view, at) => view.getUint8(at) },
  u2: { dtype: 'i32', read: (view, at, isLittle) => view.getUint16(at, isLittle) },
  u4: { dtype: 'u32', read: (view, at, isLittle) => view.getUint32(at, isLittle) },
  u8: { dtype: 'u32', read: (view, at, isLittle) => Number(view.getBigUint64(at, isLittle)) },
  i1: { dtype: 'i16', read: (view, at) => view.getInt8(at) },
  i2: { dtype: 'i16', read: (view, at, isLittle) => view.getInt16(at, isLittle) },
  i4: { dtype: 'i32', read: (view, at, isLittle) => view.getInt32(at, isLittle) },
  i8: { dtype: 'i32', read: (view, at, isLittle) => Number(view.getBigInt64(at, isLittle)) },
  f2: { dtype: 'f32', read: (view, at, isLittle) => fromHalf(view.getUint16(at, isLittle)) },
  f4: { dtype: 'f32', read: (view, at, isLittle) => view.getFloat32(at, isLittle) },
  f8: { dtype: 'f32', read: (view, at, isLittle) => view.getFloat64(at, isLittle) },
};
const supported = `${Object.keys(conversions).join(', ')}. In Python, save x.astype('float32')`;

/** Decodes a half-precision float: 1 sign bit, 5 bits of exponent, 10 bits of fraction. */
function fromHalf(bits: number): number {
  const sign = bits >>> 15 === 0 ? 1 : -1;
  const exponent = (bits >>> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? 2 ** -14 * fraction : 2 ** (exponent - 15) * (1 + fraction));
}

const magic = [0x93, ...new TextEncoder().encode('NUMPY')];
const alignment = 64;

/** The limits of NumPy. */
const largestHeader = 10_000;
const largestRank = 64;

/**
 * Encodes a tensor as an npy file of version 1.0, like `numpy.save`. The tensor must be on the CPU.
 *
 * @returns The bytes of the file.
 * @throws FormatError if the tensor has more than 64 axes, the maximum that NumPy reads.
 * @throws BackendError if the tensor is on a GPU.
 *
 * @example
 * ```ts
 * import { encodeNpy, tensor } from '@mobinet/tensor';
 *
 * const bytes = encodeNpy(tensor([[1, 2], [3, 4]])); // numpy.load reads these bytes
 * console.log(new TextDecoder('latin1').decode(bytes.subarray(10, 70)).trim());
 * // → {'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }
 * ```
 */
export function encodeNpy(tensor: Tensor<DType>): UnsharedBytes {
  checkTensor('encodeNpy', tensor, 'tensor');
  const { dtype, shape, rank } = tensor;
  if (rank > largestRank) throw new FormatError(`npy: ${rank} axes are more than the ${largestRank} that NumPy reads`);
  const tuple = rank === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const literal = `{'descr': '${descriptors[dtype]}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const prefix = magic.length + 2 + 2;
  const dataStart = Math.ceil((prefix + literal.length + 1) / alignment) * alignment;
  const header = new TextEncoder().encode(`${literal.padEnd(dataStart - prefix - 1)}\n`);
  const data = bytesOf(tensor);
  const file = new Uint8Array(dataStart + data.length);
  file.set([...magic, 1, 0]);
  new DataView(file.buffer).setUint16(prefix - 2, header.length, true);
  file.set(header, prefix);
  file.set(data, dataStart);
  return file;
}

/**
 * Decodes an npy file of version 1, 2 or 3, like `numpy.load`. Fortran order and big-endian data are converted. The
 * file is not trusted. The tensor is created on the CPU.
 *
 * NumPy types without a corresponding dtype are converted: `f2` and `f8` to f32, with rounding; `i8` and `u2` to i32,
 * `u8` to u32, `i1` to i16 and `b1` to u8, exactly.
 *
 * @param bytes The file.
 * @param options Optional.
 * @param options.source The file's name, for messages.
 * @throws FormatError with one line that says what is wrong, and where. Values out of range are an error, too.
 *
 * @example
 * ```ts
 * import { decodeNpy, encodeNpy, tensor } from '@mobinet/tensor';
 *
 * console.log(`${decodeNpy(encodeNpy(tensor([1.5, 2.5]))).values}`);
 * // → 1.5,2.5
 * ```
 */
export function decodeNpy(bytes: Uint8Array, { source = 'npy' } = {}): Tensor<DType> {
  const fail = (problem: string): never => {
    throw new FormatError(`${source}: ${problem}`);
  };
  if (!(bytes instanceof Uint8Array))
    throw new TypeError(`an npy file is read from a Uint8Array, not from ${shown(bytes)}`);
  const { literal, dataStart } = readHeader(bytes, fail);
  const header = parseHeader(literal, fail);
  const { dtype, kind, shape, fortranOrder } = header;
  const expected = sizeOf(shape) * bytesOfKind(kind);
  const found = bytes.length - dataStart;
  if (found !== expected) fail(`${kind} ${quote(shape)} needs ${expected} bytes of data, the file has ${found}`);

  const elements = readElements(copyOfBytes(bytes, dataStart, bytes.length), header, fail);
  const tensor = emptyTensor(dtype, shape, source, 'cpu');
  if (fortranOrder) copyStrided(elements, 0, stridesOf(shape.toReversed()).reverse(), shape, tensor.values);
  else tensor.values.set(elements);
  return tensor;
}

const bytesOfKind = (kind: string): number => Number(kind.slice(1));

/** Reads the elements in the file's order, converted to the tensor's dtype. */
function readElements(bytes: UnsharedBytes, { dtype, kind, isLittle }: Header, fail: Fail): TypedArray {
  const size = bytesOfKind(kind);
  const count = bytes.length / size;
  if (isLittle && descriptors[dtype].slice(1) === kind) return typedArrayOver(dtype, bytes.buffer, 0, count);
  const { read } = conversions[kind];
  const view = new DataView(bytes.buffer);
  const elements = newTypedArray(dtype, count);
  for (let i = 0; i < count; i++) {
    const value = read(view, i * size, isLittle);
    elements[i] = value;
    const isKept = dtype === 'f32' ? Number.isFinite(elements[i]) || !Number.isFinite(value) : elements[i] === value;
    if (!isKept)
      fail(`element ${i}, ${value}, is out of range for ${dtype}. In Python, clip the values or save another type`);
  }
  return elements;
}

type Fail = (problem: string) => never;

function readHeader(bytes: Uint8Array, fail: Fail): { literal: string; dataStart: number } {
  if (!magic.every((byte, index) => bytes[index] === byte))
    return fail(`not an npy file: ${describeForeign(bytes) ?? 'it does not start with \\x93NUMPY'}`);
  const major = bytes[magic.length];
  const prefix = magic.length + 2 + (major === 1 ? 2 : 4);
  if (major < 1 || major > 3) return fail(`version ${major} of the npy format is not supported, only 1, 2 and 3`);
  if (bytes.length < prefix) return fail(`${bytes.length} bytes are too few for an npy file`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = major === 1 ? view.getUint16(prefix - 2, true) : view.getUint32(prefix - 4, true);
  if (length > largestHeader) return fail(`a header of ${length} bytes exceeds the limit of ${largestHeader}`);
  const dataStart = prefix + length;
  if (dataStart > bytes.length) {
    return fail(`the header should have ${length} bytes, but only ${bytes.length - prefix} follow`);
  }
  try {
    const header = copyOfBytes(bytes, prefix, dataStart);
    return { literal: new TextDecoder('utf-8', { fatal: true }).decode(header), dataStart };
  } catch {
    return fail('the header is not UTF-8 text');
  }
}

interface Header {
  /** The dtype of the tensor. */
  readonly dtype: DType;
  /** NumPy's type of the elements in the file, without byte order, such as f8. */
  readonly kind: string;
  readonly isLittle: boolean;
  readonly shape: Shape;
  readonly fortranOrder: boolean;
}

/** Parses the dictionary that NumPy writes, with its keys in any order. It does not accept other Python literals. */
function parseHeader(literal: string, fail: Fail): Header {
  const text = literal.trim();
  const fields = new Map<string, string>();
  const item = /\s*'(\w+)'\s*:\s*('[^']*'|\w+|\([^()]*\)|\[[^[\]]*\])\s*(?:,|(?=\}))/y;
  let end = 1;
  item.lastIndex = end;
  for (let match = item.exec(text); match !== null; match = item.exec(text)) {
    fields.set(match[1], match[2]);
    end = item.lastIndex;
  }
  const descriptor = fields.get('descr');
  const order = fields.get('fortran_order');
  const tuple = fields.get('shape');
  const isWhole = text[0] === '{' && text.slice(end).trim() === '}' && fields.size === 3;
  if (!isWhole || descriptor === undefined || order === undefined || tuple === undefined) {
    return fail(`the header ${quote(text)} is not a dictionary of 'descr', 'fortran_order' and 'shape'`);
  }
  const [, byteOrder, kind] = /^'([<>|=])(\w+)'$/.exec(descriptor) ?? [];
  if (kind === undefined || !Object.hasOwn(conversions, kind)) {
    return fail(`dtype ${quote(descriptor)} is not supported, only ${supported}`);
  }
  const { dtype } = conversions[kind];
  if (order !== 'True' && order !== 'False') return fail(`fortran_order ${quote(order)} is not True or False`);
  // Python 2 writes long integers with the suffix L.
  if (!/^\((\s*\d+L?\s*,)*(\s*\d+L?\s*)?\)$/.test(tuple)) return fail(`shape ${quote(tuple)} is not a tuple of sizes`);
  const shape = (tuple.match(/\d+/g) ?? []).map(Number);
  if (!Number.isSafeInteger(shape.reduce((product, size) => product * size, 8))) {
    return fail(`shape ${quote(tuple)} is too large`);
  }
  return { dtype, kind, isLittle: byteOrder !== '>', shape, fortranOrder: order === 'True' };
}
