import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { zeros } from '../../create.js';
import { DTypeError } from '../../errors.js';
import type { RecordedCall } from '../../op.js';
import { Rng } from '../../random.js';
import { awkwardChannels, checkOp } from '../../testing/index.js';
import { withRecorder } from '../../with-recorder.js';
import { matmul } from '../matmul/matmul.js';
import { bitMatmul } from './bit-matmul.js';
import { packBits, unpackBits } from './pack-bits.js';

/** Two matrices of signs, [M, K] and [N, K]. */
const operands = fc
  .record({ m: fc.integer({ min: 1, max: 9 }), n: fc.integer({ min: 1, max: 9 }), k: awkwardChannels, seed: fc.nat() })
  .map(({ m, n, k, seed }) => {
    const rng = Rng.fromSeed(seed);
    return { a: packBits(rng.normal([m, k])), b: packBits(rng.normal([n, k])), rng };
  });

describe('bitMatmul', () => {
  test.prop([operands], { numRuns: 50 })('equals the product of the signs as numbers', ({ a, b }) => {
    checkOp(bitMatmul, [a, b], { gradient: false });
    const product = bitMatmul(a, b);
    const expected = matmul(unpackBits(a), unpackBits(b), { transposeB: true });
    expect(product.dtype).toBe('i32');
    expect(product.shape).toEqual(expected.shape);
    expect([...product.values]).toEqual([...expected.values]);
  });

  test.prop([operands], { numRuns: 25 })('has the gradients of the product of numbers', ({ a, b, rng }) => {
    const calls: RecordedCall[] = [];
    const record = { record: (call: RecordedCall) => calls.push(call) };
    const [signsA, signsB] = [unpackBits(a), unpackBits(b)];
    withRecorder(record, () => bitMatmul(a, b));
    withRecorder(record, () => matmul(signsA, signsB, { transposeB: true }));
    const dc = rng.normal([a.shape[0], b.shape[0]]);
    const [actual, expected] = calls.map((call) => call.gradient!(dc, call.saved).map((gradient) => gradient!()));
    actual.forEach((gradient, index) => {
      expect(gradient.shape).toEqual(expected[index].shape);
      gradient.values.forEach((value, at) => {
        expect(value).toBeCloseTo(expected[index].values[at], 4);
      });
    });
  });

  test('is 0 for empty rows', () => {
    expect([...bitMatmul(packBits(zeros([2, 0])), packBits(zeros([1, 0]))).values]).toEqual([0, 0]);
  });

  test('explains operands that do not match', () => {
    const weight = packBits(zeros([64, 32]));
    weight.label = 'head.weight';
    expect(() => bitMatmul(packBits(zeros([8, 24])), weight)).toThrow(
      [
        'bitMatmul: rows of a have 24 signs, rows of b have 32',
        '  a  [8, 24]   M, K',
        '  b  [64, 32]  head.weight',
        'Hint: The last axes must be equal: the product is a·bᵀ.',
      ].join('\n'),
    );
    expect(() => bitMatmul(packBits(zeros([24])), weight)).toThrow('a and b must be matrices');
    // @ts-expect-error numbers must be packed first
    expect(() => bitMatmul(zeros([8, 32]), weight)).toThrow(DTypeError);
  });
});
