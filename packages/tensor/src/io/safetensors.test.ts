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
import { decodeSafetensors } from './read-safetensors.js';
import { encodeSafetensors, safetensorsByteLength } from './write-safetensors.js';

const names = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('units.3.weight', '__proto__', 'constructor', '0', '10', '', 'a"b\\', '\n'),
);

/** Named tensors of every dtype with arbitrary bytes, which include NaN and infinity. Some are empty or scalars. */
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
    'decodes what it encoded, in order, with the predicted size',
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

  test('writes the documented bytes, with wide elements first for alignment', () => {
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

  test('reads bytes at any offset, also in shared memory', () => {
    const bytes = encodeSafetensors({ x: tensor([1, 2, 3]) });
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 3), 3);
    shared.set(bytes);
    expect([...decodeSafetensors(shared).tensors.get('x')!.values]).toEqual([1, 2, 3]);
    const buffer = Buffer.concat([Buffer.from([0]), bytes]).subarray(1);
    expect([...decodeSafetensors(buffer).tensors.get('x')!.values]).toEqual([1, 2, 3]);
  });

  test('rejects a tensor with the name of the metadata', () => {
    expect(() => encodeSafetensors({ __metadata__: zeros([1]) })).toThrow(FormatError);
  });

  test.prop([tensorMaps, fc.nat(), fc.integer({ min: 1, max: 255 })], { numRuns: 200 })(
    'a damaged file is either decoded or rejected with a FormatError, which leaves no tensors',
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
