import { describe, expect, test } from 'vitest';
import { FormatError } from '../errors.js';
import { decodeSafetensors } from './read-safetensors.js';

/** A file with this header, given as text or as an object, and `dataLength` bytes of data. */
function file(header: unknown, dataLength = 0): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

/** A file that consists of the length of its header and eight zeros. */
function lengthOnly(length: bigint): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  return bytes;
}

const entry = (shape: unknown, data_offsets: unknown, dtype: unknown = 'F32') => ({ dtype, shape, data_offsets });

describe('decodeSafetensors', () => {
  test('accepts files by other writers: without padding, with data in a different order from the names', () => {
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

  test('treats the names of prototypes as ordinary names', () => {
    const { tensors, metadata } = decodeSafetensors(
      file('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"__metadata__":{"__proto__":"x"}}', 1),
    );
    expect([...tensors.keys()]).toEqual(['__proto__']);
    expect(Object.entries(metadata)).toEqual([['__proto__', 'x']]);
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
    expect(({} as { dtype?: string }).dtype).toBeUndefined();
  });

  const deep = '['.repeat(200_000) + ']'.repeat(200_000);
  test.each<[string, Uint8Array, string]>([
    [
      'no bytes',
      new Uint8Array(0),
      'f: not a safetensors file, but empty. It may be an interrupted download: fetch it again',
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
      'f: not a safetensors file: its first bytes would mean a header of more than 100000000 bytes',
    ],
    [
      'the largest header',
      lengthOnly(2n ** 64n - 1n),
      'f: not a safetensors file: its first bytes would mean a header of more than 100000000 bytes',
    ],
    [
      'an empty header',
      file(''),
      'f: not a safetensors file, but all zeros. It may be an interrupted download: fetch it again',
    ],
    ['zeros', lengthOnly(8n), 'f: the header is not JSON'],
    ['a byte-order mark', file('\ufeff{}'), 'f: the header is not JSON'],
    ['bytes that are not UTF-8', file('"é"').fill(0xff, 9, 10), 'f: the header is not UTF-8 text'],
    ['an array', file([]), 'f: the header is not a JSON object'],
    ['null', file('null'), 'f: the header is not a JSON object'],
    ['deep nesting', file(deep), 'f: the header is not a JSON object'],
    [
      'a name twice',
      file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{}}', 1),
      'f: tensor "a": it appears twice in the header',
    ],
    ['an entry that is not an object', file({ a: 1 }), 'f: tensor "a": its entry is 1, not an object'],
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
      'f: tensor "a": dtype a value nested too deeply is not supported, only F32, I32, U32, I16, U8',
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
      'a size that is text',
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
      'f: tensor "a": data_offsets [1,5] are out of range: the file has 4 bytes of data. It may be truncated: fetch it again',
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
      'two tensors in the same place',
      file({ a: entry([1], [0, 4]), b: entry([1], [0, 4]) }, 4),
      'f: tensor "b": its data overlaps another tensor\'s, at byte 0',
    ],
    [
      'a gap',
      file({ a: entry([1], [0, 4]), b: entry([1], [8, 12]) }, 12),
      'f: tensor "b": bytes 4 to 8 before its data belong to no tensor',
    ],
    ['trailing bytes', file({ a: entry([1], [0, 4]) }, 7), 'f: the last 3 bytes belong to no tensor'],
    ['data without tensors', file({}, 2), 'f: the last 2 bytes belong to no tensor'],
    ['metadata that is not an object', file({ __metadata__: 'x' }), 'f: __metadata__ is "x", not an object'],
    ['metadata that is null', file('{"__metadata__":null}'), 'f: __metadata__ is null, not an object'],
    ['metadata that is a number', file({ __metadata__: { epoch: 3 } }), 'f: __metadata__ "epoch" is 3, not a string'],
    [
      'metadata twice',
      file('{"__metadata__":{},"__metadata__":{}}'),
      'f: tensor "__metadata__": it appears twice in the header',
    ],
    ['a name with line breaks', file({ 'a\n\u2028b': 1 }), 'f: tensor "a\\n�b": its entry is 1, not an object'],
  ])('rejects %s with one line', (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, { source: 'f' })).toThrow(new FormatError(message));
  });

  test('shortens a long name in messages', () => {
    const bytes = file({ ['a'.repeat(10_000)]: 1 });
    expect(() => decodeSafetensors(bytes)).toThrow(/^safetensors: tensor "a{76}\.\.\.: its entry is 1, not an object$/);
  });
});
