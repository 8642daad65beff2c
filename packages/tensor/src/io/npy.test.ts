import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor, zeros } from '../create.js';
import { type DType, dtypes } from '../dtype.js';
import { FormatError } from '../errors.js';
import { sizeOf } from '../shape.js';
import { shapes } from '../testing/index.js';
import { bytesOf } from './bytes.js';
import { decodeNpy, encodeNpy } from './npy.js';

/** An npy file of version `major` with this header and data. */
function file(header: string, data: ArrayLike<number> = [], major = 1): Uint8Array {
  const text = new TextEncoder().encode(header);
  const wide = major > 1;
  const bytes = new Uint8Array((wide ? 12 : 10) + text.length + data.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, major, 0]);
  const view = new DataView(bytes.buffer);
  if (wide) view.setUint32(8, text.length, true);
  else view.setUint16(8, text.length, true);
  bytes.set(text, wide ? 12 : 10);
  bytes.set(data, bytes.length - data.length);
  return bytes;
}

const header = (descr: string, shape: string, order = 'False') =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

describe('npy', () => {
  test.prop(
    [fc.constantFrom<DType>(...dtypes), shapes({ minSize: 0 }), fc.infiniteStream(fc.integer({ min: 0, max: 255 }))],
    { numRuns: 150 },
  )('decodes what it encoded', (dtype, shape, stream) => {
    const original = zeros(shape, dtype);
    bytesOf(original).forEach((_, at, bytes) => {
      bytes[at] = stream.next().value;
    });
    const bytes = encodeNpy(original);
    expect((bytes.length - bytesOf(original).length) % 64).toBe(0);
    const copy = decodeNpy(bytes);
    expect([copy.dtype, copy.shape]).toEqual([dtype, shape]);
    expect(bytesOf(copy)).toEqual(bytesOf(original));
  });

  test('writes what numpy.save writes', () => {
    const text = (bytes: Uint8Array) => new TextDecoder('latin1').decode(bytes.subarray(10, 128));
    const bytes = encodeNpy(
      tensor(
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
        { dtype: 'i32' },
      ),
    );
    expect([...bytes.subarray(0, 10)]).toEqual([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 0x76, 0]);
    expect(text(bytes)).toBe(`${"{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }".padEnd(117)}\n`);
    expect(text(encodeNpy(zeros([3])))).toContain("'descr': '<f4', 'fortran_order': False, 'shape': (3,), }");
    expect(text(encodeNpy(zeros([], 'u8')))).toContain("'descr': '|u1', 'fortran_order': False, 'shape': (), }");
  });

  test.each([1, 2, 3])('reads version %i', (major) => {
    const x = decodeNpy(file(header("'|u1'", '(2, 2)'), [1, 2, 3, 4], major));
    expect([x.dtype, x.shape, [...x.values]]).toEqual(['u8', [2, 2], [1, 2, 3, 4]]);
  });

  test('reads the keys in any order, with or without spaces', () => {
    const x = decodeNpy(file("{'shape':(2,),'fortran_order' : False ,'descr':'|u1'}", [8, 9]));
    expect([x.shape, [...x.values]]).toEqual([[2], [8, 9]]);
  });

  test.prop([shapes({ minSize: 0, maxRank: 5, maxSize: 4 })], { numRuns: 100 })(
    'converts Fortran order to row-major order',
    (shape) => {
      const counting = new Uint8Array(Uint32Array.from({ length: sizeOf(shape) }, (_, at) => at).buffer);
      const x = decodeNpy(file(header("'<u4'", shape.length === 1 ? `(${shape},)` : `(${shape})`, 'True'), counting));
      // The first index moves fastest: element (i, j, k) is i + shape[0]·(j + shape[1]·k).
      const expected: number[] = [];
      const visit = (axis: number, at: number, stride: number): void => {
        if (axis === shape.length) expected.push(at);
        else for (let i = 0; i < shape[axis]; i++) visit(axis + 1, at + i * stride, stride * shape[axis]);
      };
      visit(0, 0, 1);
      expect(x.shape).toEqual(shape);
      expect([...x.values]).toEqual(expected);
    },
  );

  test('rejects more axes than NumPy can read', () => {
    expect(() => encodeNpy(zeros(new Array<number>(65).fill(1)))).toThrow(FormatError);
  });

  const half = (sign: number, exponent: number, fraction: number): number => (sign << 15) | (exponent << 10) | fraction;

  // The types that NumPy gives to lists of Python numbers, and its other types.
  test.each<[descriptor: string, bytes: ArrayBufferView, dtype: string, values: number[]]>([
    [
      '<f8',
      Float64Array.of(0.1, -2, Number.POSITIVE_INFINITY),
      'f32',
      [Math.fround(0.1), -2, Number.POSITIVE_INFINITY],
    ],
    ['<i8', BigInt64Array.of(-(2n ** 31n), 2n ** 31n - 1n), 'i32', [-(2 ** 31), 2 ** 31 - 1]],
    ['<u8', BigUint64Array.of(0n, 2n ** 32n - 1n), 'u32', [0, 2 ** 32 - 1]],
    ['|b1', Uint8Array.of(0, 1, 1), 'u8', [0, 1, 1]],
    ['|i1', Int8Array.of(-128, 127), 'i16', [-128, 127]],
    ['<u2', Uint16Array.of(0, 65535), 'i32', [0, 65535]],
    [
      '<f2',
      Uint16Array.of(half(0, 15, 512), half(1, 0, 1), half(0, 30, 1023), half(1, 31, 0), half(0, 0, 0)),
      'f32',
      [1.5, -(2 ** -24), 65504, Number.NEGATIVE_INFINITY, 0],
    ],
    ['>f4', Uint8Array.of(0x3f, 0x80, 0, 0), 'f32', [1]],
    ['>i2', Uint8Array.of(1, 0, 0xff, 0xff), 'i16', [256, -1]],
    ['>f8', Uint8Array.of(0xc0, 0, 0, 0, 0, 0, 0, 0), 'f32', [-2]],
    ['=i4', Int32Array.of(7), 'i32', [7]],
  ])('reads %s', (descriptor, { buffer, byteLength }, dtype, values) => {
    const x = decodeNpy(file(header(`'${descriptor}'`, `(${values.length},)`), new Uint8Array(buffer, 0, byteLength)));
    expect([x.dtype, x.shape, [...x.values]]).toEqual([dtype, [values.length], values]);
  });

  test('reads NaN of every size and long integers of Python 2, and converts types in Fortran order', () => {
    const [nan16, nan64] = [Uint16Array.of(half(0, 31, 1)), Float64Array.of(Number.NaN)];
    expect(decodeNpy(file(header("'<f2'", '()'), new Uint8Array(nan16.buffer))).values[0]).toBeNaN();
    expect(decodeNpy(file(header("'<f8'", '()'), new Uint8Array(nan64.buffer))).values[0]).toBeNaN();
    const columns = new Uint8Array(Float64Array.of(1, 2, 3, 4).buffer);
    const x = decodeNpy(file(header("'<f8'", '(2L, 2L)', 'True'), columns));
    expect([x.shape, [...x.values]]).toEqual([
      [2, 2],
      [1, 3, 2, 4],
    ]);
  });

  const types =
    "not supported, only b1, u1, u2, u4, u8, i1, i2, i4, i8, f2, f4, f8. In Python, save x.astype('float32')";
  const noDictionary = (text: string) =>
    `f: the header ${text} is not a dictionary of 'descr', 'fortran_order' and 'shape'`;
  test.each<[string, Uint8Array, string]>([
    ['no bytes', new Uint8Array(0), 'f: not an npy file: empty. It may be an interrupted download: fetch it again'],
    [
      'a zip',
      new TextEncoder().encode('PK\x03\x04 and more'),
      'f: not an npy file: a ZIP archive, as PyTorch writes them (.pt, .pth). Unpack it, or in Python save the tensors with safetensors.torch.save_file',
    ],
    ['noise', Uint8Array.of(0xa7, 0x13, 0, 1), 'f: not an npy file: it does not start with \\x93NUMPY'],
    ['magic alone', file('').subarray(0, 8), 'f: 8 bytes are too few for an npy file'],
    ['half a length', file('', [], 2).subarray(0, 11), 'f: 11 bytes are too few for an npy file'],
    ['version 0', file('', [], 0), 'f: version 0 of the npy format is not supported, only 1, 2 and 3'],
    ['version 4', file('', [], 4), 'f: version 4 of the npy format is not supported, only 1, 2 and 3'],
    ['a truncated header', file('{}      ').subarray(0, 12), 'f: the header should have 8 bytes, but only 2 follow'],
    ['a huge header', file('').fill(0xff, 8, 10), 'f: a header of 65535 bytes exceeds the limit of 10000'],
    ['bytes that are not UTF-8', file('{}').fill(0xff, 10, 11), 'f: the header is not UTF-8 text'],
    ['an empty header', file(''), noDictionary('""')],
    ['no dictionary', file('(1, 2)'), noDictionary('"(1, 2)"')],
    ['too few keys', file("{'descr': '<f4'}"), noDictionary(`"{'descr': '<f4'}"`)],
    ['code', file('{f(): 1}'), noDictionary('"{f(): 1}"')],
    ['more after the end', file("{'shape': ()} {"), noDictionary(`"{'shape': ()} {"`)],
    ['complex numbers', file(header("'<c8'", '(1,)'), new Uint8Array(8)), `f: dtype "'<c8'" is ${types}`],
    ['text', file(header("'<U3'", '(1,)'), new Uint8Array(12)), `f: dtype "'<U3'" is ${types}`],
    [
      'the name of an inherited property',
      file(header("'<constructor'", '(1,)'), [0]),
      `f: dtype "'<constructor'" is ${types}`,
    ],
    [
      'an integer too large for i32',
      file(header("'<i8'", '(1,)'), new Uint8Array(BigInt64Array.of(2n ** 31n).buffer)),
      'f: element 0, 2147483648, is out of range for i32. In Python, clip the values or save another type',
    ],
    [
      'a float too large for f32',
      file(header("'<f8'", '(2,)'), new Uint8Array(Float64Array.of(1, 1e300).buffer)),
      'f: element 1, 1e+300, is out of range for f32. In Python, clip the values or save another type',
    ],
    ['Python objects', file(header("'|O'", '(1,)'), [0]), `f: dtype "'|O'" is ${types}`],
    ['records', file(header("[('a', '<f4')]", '(1,)'), [0]), `f: dtype "[('a', '<f4')]" is ${types}`],
    [
      'an order that is not a boolean',
      file(header("'|u1'", '()', 'Maybe'), [0]),
      'f: fortran_order "Maybe" is not True or False',
    ],
    ['a shape that is not a tuple', file(header("'|u1'", 'x'), [0]), 'f: shape "x" is not a tuple of sizes'],
    ['a negative size', file(header("'|u1'", '(-1,)'), [0]), 'f: shape "(-1,)" is not a tuple of sizes'],
    ['a fractional size', file(header("'|u1'", '(1.5,)'), [0]), 'f: shape "(1.5,)" is not a tuple of sizes'],
    ['an overflow', file(header("'<f4'", '(99999999, 99999999)')), 'f: shape "(99999999, 99999999)" is too large'],
    ['too little data', file(header("'<f4'", '(2,)'), [0, 0, 0, 0]), 'f: f4 [2] needs 8 bytes of data, the file has 4'],
    ['too much data', file(header("'|u1'", '()'), [0, 0]), 'f: u1 [] needs 1 bytes of data, the file has 2'],
  ])('rejects %s with one line', (_, bytes, message) => {
    expect(() => decodeNpy(bytes, { source: 'f' })).toThrow(new FormatError(message));
  });
});
