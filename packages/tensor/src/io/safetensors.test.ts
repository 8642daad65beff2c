import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { memory } from '../backend.js';
import { tensor, zeros } from '../create.js';
import { type DType, dtypes } from '../dtype.js';
import { FormatError } from '../errors.js';
import { tidy } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { shapes } from '../testing/index.js';
import { bytesOf } from './bytes.js';
import { decodeSafetensors, encodeSafetensors, safetensorsByteLength } from './safetensors.js';

/** A file with this header, as text or as an object, and so many bytes of data. */
function file(header: unknown, dataLength = 0): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

function lengthOnly(length: bigint): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  return bytes;
}

const entry = (shape: unknown, data_offsets: unknown, dtype: unknown = 'F32') => ({ dtype, shape, data_offsets });

const names = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('units.3.weight', '__proto__', 'constructor', '0', '10', '', 'a"b\\', '\n'),
);

/** Named tensors of every dtype with any bytes (NaNs and infinities among them), empty ones and scalars too. */
const tensorMaps = fc
  .uniqueArray(
    fc.tuple(
      names.filter((name) => name !== '__metadata__'),
      fc.constantFrom<DType>(...dtypes),
      shapes({ minSize: 0, maxSize: 3 }),
      fc.infiniteStream(fc.integer({ min: 0, max: 255 })),
    ),
    { selector: ([name]) => name, maxLength: 6 },
  )
  .map(
    (list) =>
      new Map(
        list.map(([name, dtype, shape, stream]): [string, Tensor<DType>] => {
          const t = zeros(shape, dtype);
          bytesOf(t).forEach((_, at, bytes) => {
            bytes[at] = stream.next().value;
          });
          return [name, t];
        }),
      ),
  );

describe('safetensors', () => {
  test.prop([tensorMaps, fc.dictionary(names, fc.string({ unit: 'binary' }))], { numRuns: 150 })(
    'reads what it wrote, in order, in as many bytes as predicted',
    (tensors, metadata) => {
      const bytes = encodeSafetensors(tensors, metadata);
      const specs = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
      expect(safetensorsByteLength(specs, metadata)).toBe(bytes.length);
      expect(encodeSafetensors(tensors, metadata)).toEqual(bytes);

      const decoded = decodeSafetensors(bytes);
      expect(Object.entries(decoded.metadata).sort()).toEqual(Object.entries(metadata).sort());
      expect([...decoded.tensors.keys()]).toEqual([...tensors.keys()]);
      for (const [name, original] of tensors) {
        const copy = decoded.tensors.get(name)!;
        expect([copy.dtype, copy.shape]).toEqual([original.dtype, original.shape]);
        expect(bytesOf(copy)).toEqual(bytesOf(original));
      }
    },
  );

  test('writes the documented bytes, wide elements first so that they are aligned', () => {
    const bytes = encodeSafetensors(
      { flags: tensor([7, 8, 9], { dtype: 'u8' }), weight: tensor([[1, -2]]) },
      { format: 'mobinet' },
    );
    const json =
      '{"__metadata__":{"format":"mobinet"},' +
      '"flags":{"dtype":"U8","shape":[3],"data_offsets":[8,11]},' +
      '"weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}';
    const headerLength = Math.ceil(json.length / 8) * 8;
    const text = new TextDecoder().decode(bytes.subarray(8, 8 + headerLength));
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(BigInt(headerLength));
    expect(text).toBe(json.padEnd(headerLength));
    expect([...bytes.subarray(8 + headerLength)]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 7, 8, 9]);
  });

  test('reads bytes at any offset of any memory', () => {
    const bytes = encodeSafetensors({ x: tensor([1, 2, 3]) });
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 3), 3);
    shared.set(bytes);
    expect([...decodeSafetensors(shared).tensors.get('x')!.values]).toEqual([1, 2, 3]);
    const buffer = Buffer.concat([Buffer.from([0]), bytes]).subarray(1);
    expect([...decodeSafetensors(buffer).tensors.get('x')!.values]).toEqual([1, 2, 3]);
  });

  test('accepts what other writers make: no padding, data in another order than the names', () => {
    const bytes = file(
      ' {"b":{"dtype":"U8","shape":[],"data_offsets":[1,2]},"a":{"data_offsets":[0,1],"shape":[1],"dtype":"U8"}}',
      2,
    );
    bytes.set([5, 6], bytes.length - 2);
    const { tensors, metadata } = decodeSafetensors(bytes);
    expect([...tensors].map(([name, { values }]) => [name, values[0]])).toEqual([
      ['b', 6],
      ['a', 5],
    ]);
    expect(metadata).toEqual({});
  });

  test('the names of prototypes are only names', () => {
    const { tensors, metadata } = decodeSafetensors(
      file('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"__metadata__":{"__proto__":"x"}}', 1),
    );
    expect([...tensors.keys()]).toEqual(['__proto__']);
    expect(Object.entries(metadata)).toEqual([['__proto__', 'x']]);
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
    expect(({} as { dtype?: string }).dtype).toBeUndefined();
  });

  test('refuses to write a tensor under the name of the metadata', () => {
    expect(() => encodeSafetensors({ __metadata__: zeros([1]) })).toThrow(FormatError);
  });

  const deep = '['.repeat(200_000) + ']'.repeat(200_000);
  test.each<[string, Uint8Array, string]>([
    [
      'no bytes',
      new Uint8Array(0),
      'f: it is no safetensors file, but empty. It was not written to its end: fetch it again',
    ],
    [
      '7 bytes',
      Uint8Array.of(1, 2, 3, 4, 5, 6, 7),
      'f: 7 bytes are too few for a safetensors file, which starts with 8 bytes of length',
    ],
    ['a header longer than the file', lengthOnly(9n), 'f: the header should have 9 bytes, but only 8 follow'],
    [
      'an absurd header',
      lengthOnly(100_000_001n),
      'f: it is no safetensors file: its first bytes would make a header of more than 100000000 bytes',
    ],
    [
      'the largest header',
      lengthOnly(2n ** 64n - 1n),
      'f: it is no safetensors file: its first bytes would make a header of more than 100000000 bytes',
    ],
    [
      'an empty header',
      file(''),
      'f: it is no safetensors file, but zeros and nothing else. It was not written to its end: fetch it again',
    ],
    ['zeros', lengthOnly(8n), 'f: the header is not JSON'],
    ['a byte-order mark', file('\ufeff{}'), 'f: the header is not JSON'],
    ['bytes that are not UTF-8', file('"é"').fill(0xff, 9, 10), 'f: the header is not UTF-8 text'],
    ['an array', file([]), 'f: the header is not a JSON object'],
    ['null', file('null'), 'f: the header is not a JSON object'],
    ['a nest', file(deep), 'f: the header is not a JSON object'],
    [
      'a name twice',
      file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{}}', 1),
      'f: tensor "a": the header has it twice',
    ],
    ['an entry that is no object', file({ a: 1 }), 'f: tensor "a": its entry is 1, not an object'],
    ['an entry that is a list', file({ a: [] }), 'f: tensor "a": its entry is [], not an object'],
    [
      'no dtype',
      file({ a: { shape: [], data_offsets: [0, 4] } }, 4),
      'f: tensor "a": dtype undefined is not supported, only F32, I32, U32, I16, U8',
    ],
    [
      'another dtype',
      file({ a: entry([1], [0, 2], 'BF16') }, 2),
      'f: tensor "a": dtype "BF16" is not supported, only F32, I32, U32, I16, U8',
    ],
    [
      'a nested dtype',
      file(`{"a":{"dtype":${deep}}}`),
      'f: tensor "a": dtype something nested too deep is not supported, only F32, I32, U32, I16, U8',
    ],
    [
      'no shape',
      file({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4),
      'f: tensor "a": shape undefined is not a list of whole numbers, 0 or more',
    ],
    [
      'a negative size',
      file({ a: entry([-1], [0, 4]) }, 4),
      'f: tensor "a": shape [-1] is not a list of whole numbers, 0 or more',
    ],
    [
      'a fractional size',
      file({ a: entry([1.5], [0, 6]) }, 6),
      'f: tensor "a": shape [1.5] is not a list of whole numbers, 0 or more',
    ],
    [
      'a size of text',
      file({ a: entry(['1'], [0, 4]) }, 4),
      'f: tensor "a": shape ["1"] is not a list of whole numbers, 0 or more',
    ],
    [
      'an overflowing shape',
      file({ a: entry([2 ** 30, 2 ** 30], [0, 4]) }, 4),
      'f: tensor "a": shape [1073741824,1073741824] is too large',
    ],
    [
      'a size beyond 2⁵³',
      file('{"a":{"dtype":"U8","shape":[9007199254740993,0],"data_offsets":[0,0]}}'),
      'f: tensor "a": shape [9007199254740992,0] is too large',
    ],
    [
      'a size that is not finite',
      file('{"a":{"dtype":"U8","shape":[1e999],"data_offsets":[0,0]}}'),
      'f: tensor "a": shape [null] is not a list of whole numbers, 0 or more',
    ],
    [
      'no offsets',
      file({ a: { dtype: 'U8', shape: [1] } }, 1),
      'f: tensor "a": data_offsets undefined are not two whole numbers, 0 or more',
    ],
    [
      'three offsets',
      file({ a: entry([1], [0, 4, 4]) }, 4),
      'f: tensor "a": data_offsets [0,4,4] are not two whole numbers, 0 or more',
    ],
    [
      'a negative offset',
      file({ a: entry([1], [-4, 0]) }, 4),
      'f: tensor "a": data_offsets [-4,0] are not two whole numbers, 0 or more',
    ],
    [
      'offsets backwards',
      file({ a: entry([1], [4, 0]) }, 4),
      'f: tensor "a": data_offsets [4,0] are out of range: the file has 4 bytes of data',
    ],
    [
      'offsets beyond the end',
      file({ a: entry([1], [1, 5]) }, 4),
      'f: tensor "a": data_offsets [1,5] are out of range: the file has 4 bytes of data. It may have been cut off: take it from where it was made once more',
    ],
    [
      'too little data for the shape',
      file({ a: entry([2], [0, 4]) }, 4),
      'f: tensor "a": data_offsets [0,4] hold 4 bytes, but F32 [2] needs 8',
    ],
    [
      'too much data for the shape',
      file({ a: entry([], [0, 8]) }, 8),
      'f: tensor "a": data_offsets [0,8] hold 8 bytes, but F32 [] needs 4',
    ],
    [
      'an overlap',
      file({ a: entry([1], [0, 4]), b: entry([1], [2, 6]) }, 6),
      'f: tensor "b": its data overlaps another tensor\'s, at byte 2',
    ],
    [
      'one place for two',
      file({ a: entry([1], [0, 4]), b: entry([1], [0, 4]) }, 4),
      'f: tensor "b": its data overlaps another tensor\'s, at byte 0',
    ],
    [
      'a hole',
      file({ a: entry([1], [0, 4]), b: entry([1], [8, 12]) }, 12),
      'f: tensor "b": bytes 4 to 8 before its data belong to no tensor',
    ],
    ['a rest', file({ a: entry([1], [0, 4]) }, 7), 'f: the last 3 bytes belong to no tensor'],
    ['data and no tensors', file({}, 2), 'f: the last 2 bytes belong to no tensor'],
    ['metadata that is no object', file({ __metadata__: 'x' }), 'f: __metadata__ is "x", not an object'],
    ['metadata that is null', file('{"__metadata__":null}'), 'f: __metadata__ is null, not an object'],
    ['metadata of a number', file({ __metadata__: { epoch: 3 } }), 'f: __metadata__ "epoch" is 3, not a string'],
    [
      'metadata twice',
      file('{"__metadata__":{},"__metadata__":{}}'),
      'f: tensor "__metadata__": the header has it twice',
    ],
    ['a name of two lines', file({ 'a\n\u2028b': 1 }), 'f: tensor "a\\n�b": its entry is 1, not an object'],
  ])('refuses %s in one line', (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, { source: 'f' })).toThrow(new FormatError(message));
  });

  test('does not repeat a long name for ever', () => {
    const bytes = file({ ['a'.repeat(10_000)]: 1 });
    expect(() => decodeSafetensors(bytes)).toThrow(/^safetensors: tensor "a{76}\.\.\.: its entry is 1, not an object$/);
  });

  test.prop([tensorMaps, fc.nat(), fc.integer({ min: 1, max: 255 })], { numRuns: 200 })(
    'a damaged file is read or refused, never anything else, and a refused one leaves no tensors',
    (tensors, at, flip) => {
      const bytes = encodeSafetensors(tensors);
      bytes[at % bytes.length] ^= flip;
      const before = memory().tensors;
      try {
        tidy(() => void decodeSafetensors(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
        expect((error as FormatError).message).not.toMatch(/\n/);
      }
      expect(memory().tensors).toBe(before);
    },
  );
});
