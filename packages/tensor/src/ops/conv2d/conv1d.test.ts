import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { memory } from '../../backend.js';
import { zeros } from '../../create.js';
import { checkOp, tensors } from '../../testing/index.js';
import { conv1d } from './conv1d.js';

const convolutions = fc
  .record({
    batch: fc.integer({ min: 1, max: 2 }),
    length: fc.integer({ min: 5, max: 8 }),
    groups: fc.integer({ min: 1, max: 2 }),
    channels: fc.integer({ min: 1, max: 3 }),
    filters: fc.integer({ min: 1, max: 3 }),
    taps: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    padding: fc.integer({ min: 0, max: 3 }),
    dilation: fc.integer({ min: 1, max: 2 }),
  })
  .chain(({ batch, length, groups, channels, filters, taps, ...options }) =>
    fc.record({
      x: tensors([batch, length, groups * channels]),
      filter: tensors([groups * filters, taps, channels]),
      options: fc.constant({ ...options, groups }),
    }),
  );

describe('conv1d', () => {
  test.prop([convolutions], { numRuns: 50 })('is its definition', ({ x, filter, options }) => {
    const { stride, padding, dilation, groups } = options;
    const [batch, length, channels] = x.shape;
    const [outChannels, taps, groupChannels] = filter.shape;
    const y = conv1d(x, filter, options);
    const outLength = Math.floor((length + 2 * padding - (taps - 1) * dilation - 1) / stride) + 1;
    expect(y.shape).toEqual([batch, outLength, outChannels]);
    for (let at = 0; at < y.size; at++) {
      const o = at % outChannels;
      const i = Math.floor(at / outChannels) % outLength;
      const n = Math.floor(at / (outChannels * outLength));
      let expected = 0;
      for (let k = 0; k < taps; k++) {
        const position = i * stride + k * dilation - padding;
        if (position < 0 || position >= length) continue;
        for (let c = 0; c < groupChannels; c++) {
          const channel = Math.floor(o / (outChannels / groups)) * groupChannels + c;
          const value = x.values[(n * length + position) * channels + channel];
          expected += value * filter.values[(o * taps + k) * groupChannels + c];
        }
      }
      expect(y.values[at]).toBeCloseTo(expected, 4);
    }
  });

  test.prop([convolutions], { numRuns: 20 })('obeys the laws of ops', ({ x, filter, options }) => {
    checkOp((x, filter) => conv1d(x, filter, options), [x, filter]);
  });

  test('pads to the same length, and frees all but its result', () => {
    const [x, filter] = [zeros([2, 7, 3]), zeros([4, 4, 3])];
    const before = memory().tensors;
    expect(conv1d(x, filter, { padding: 'same' }).shape).toEqual([2, 7, 4]);
    expect(conv1d(x, filter, { padding: 'same', stride: 2 }).shape).toEqual([2, 4, 4]);
    expect(memory().tensors - before).toBe(2);
  });

  test('refuses images, and operands that do not match', () => {
    expect(() => conv1d(zeros([1, 4, 4, 1]), zeros([1, 3, 1]))).toThrow('conv1d: x and filter must have 3 axes');
    expect(() => conv1d(zeros([1, 4, 2]), zeros([1, 3, 1]))).toThrow('conv1d: x has 2 channels, filter expects 1');
    expect(() => conv1d(zeros([1, 4, 1]), zeros([1, 5, 1]))).toThrow('conv1d: a window of 5 does not fit');
    expect(() => conv1d(zeros([1, 4, 1]), zeros([1, 3, 1]), { stride: [2, 2] as never })).toThrow('conv1d: stride');
  });
});
