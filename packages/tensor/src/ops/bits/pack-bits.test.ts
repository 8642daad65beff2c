import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { wordsPerRow } from '../../bit-tensor.js';
import { ones, scalar, tensor, zeros } from '../../create.js';
import { DTypeError, ShapeError } from '../../errors.js';
import type { RecordedCall } from '../../op.js';
import { Rng } from '../../random.js';
import { awkwardChannels, checkOp, shapes } from '../../testing/index.js';
import { withRecorder } from '../../with-recorder.js';
import { add } from '../elementwise/binary.js';
import { packBits, unpackBits } from './pack-bits.js';

/** Random numbers of any shape, with a last axis on or next to a word boundary. */
const numbers = fc
  .record({ rows: shapes({ maxRank: 3, maxSize: 4 }), channels: awkwardChannels, seed: fc.nat() })
  .map(({ rows, channels, seed }) => Rng.fromSeed(seed).normal([...rows, channels]));

describe('packBits and unpackBits', () => {
  test.prop([numbers], { numRuns: 50 })('obey the laws of ops', (x) => {
    checkOp(packBits, [x], { gradient: false });
    checkOp(unpackBits, [packBits(x)], { gradient: false });
  });

  test.prop([numbers], { numRuns: 50 })('round-trip signs', (x) => {
    const bits = packBits(x);
    const signs = unpackBits(bits);
    expect(signs.shape).toEqual(x.shape);
    expect(signs.values).toEqual(x.values.map((value) => (value < 0 ? -1 : 1)));
    expect(packBits(signs).words).toEqual(bits.words);
  });

  test.prop([awkwardChannels], { numRuns: 8 })('leave tail bits 0', (channels) => {
    const { words } = packBits(tensor(new Float32Array(3 * channels).fill(-1), { shape: [3, channels] }));
    const lastWord = channels % 32 === 0 ? 0xffffffff : 2 ** (channels % 32) - 1;
    const wordsInRow = wordsPerRow(channels);
    expect(words.length).toBe(3 * wordsInRow);
    words.forEach((word, at) => {
      expect(word).toBe(at % wordsInRow === wordsInRow - 1 ? lastWord : 0xffffffff);
    });
  });

  test('put the first channel in the lowest bit, and start each row in a new word', () => {
    expect([
      ...packBits(
        tensor([
          [-1, 1, -1],
          [1, 1, -1],
        ]),
      ).words,
    ]).toEqual([0b101, 0b100]);
  });

  test('give every number a sign, where 0, −0 and NaN are +1', () => {
    const signs = unpackBits(packBits(tensor([0, -0, Number.NaN, -Number.MIN_VALUE, -1e-45, -Infinity, Infinity])));
    // −Number.MIN_VALUE is a double; as f32 it is −0.
    expect([...signs.values]).toEqual([1, 1, 1, 1, -1, -1, 1]);
  });

  test('accept empty tensors', () => {
    expect(unpackBits(packBits(zeros([3, 0]))).shape).toEqual([3, 0]);
    expect(unpackBits(packBits(zeros([0, 40]))).shape).toEqual([0, 40]);
  });

  test('pass the gradient through unpackBits, and end the tape at packBits', () => {
    const calls: RecordedCall[] = [];
    withRecorder({ record: (call) => calls.push(call) }, () => unpackBits(packBits(tensor([1, -2, 3]))));
    expect(calls.map(({ name, gradient }) => [name, gradient !== null])).toEqual([
      ['packBits', false],
      ['unpackBits', true],
    ]);
    const gradient = tensor([5, 6, 7]);
    expect(calls[1].gradient!(gradient, calls[1].saved)[0]!().values).toEqual(gradient.values);
  });

  test('explain operands of the wrong rank or dtype', () => {
    expect(() => packBits(scalar(1))).toThrow(ShapeError);
    // @ts-expect-error only f32 has signs to pack
    expect(() => packBits(zeros([3], 'i32'))).toThrow(
      new DTypeError("packBits: x must be f32, not i32. Use cast(x, 'f32')."),
    );
    // @ts-expect-error a tensor of numbers is not packed
    expect(() => unpackBits(ones([3]))).toThrow(
      new DTypeError('unpackBits: bits is a Tensor<f32>, not a BitTensor. Pack its signs with packBits().'),
    );
  });

  test('arithmetic on signs does not compile', () => {
    const bits = packBits(tensor([1, -1]));
    // @ts-expect-error a BitTensor is not an operand of add
    const sum = () => add(bits, 1);
    expect(sum).toBeTypeOf('function');
  });
});
