import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { zeros } from '../../create.js';
import { Rng } from '../../random.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, tensors } from '../../testing/index.js';
import { conv2d, conv2dAttributes, conv2dFilterGradient, conv2dInputGradient, conv2dOutputShape } from './conv2d.js';

/** A convolution whose shapes fit: images, filter, and options of every kind. */
const convolutions = fc
  .record({
    batch: fc.integer({ min: 1, max: 2 }),
    height: fc.integer({ min: 3, max: 6 }),
    width: fc.integer({ min: 3, max: 6 }),
    groups: fc.integer({ min: 1, max: 3 }),
    channelsPerGroup: fc.integer({ min: 1, max: 5 }),
    filtersPerGroup: fc.integer({ min: 1, max: 5 }),
    kernel: fc.constantFrom([1, 1] as const, [3, 3] as const, [2, 1] as const, [1, 3] as const),
    stride: fc.constantFrom(1, 2, [2, 1] as const),
    padding: fc.constantFrom('same' as const, 'valid' as const, 1, [0, 2] as const),
    dilation: fc.constantFrom(1, [1, 2] as const),
  })
  .filter(
    ({ width, kernel, dilation, padding }) => padding !== 'valid' || dilation === 1 || (kernel[1] - 1) * 2 < width,
  )
  .chain(({ batch, height, width, groups, channelsPerGroup, filtersPerGroup, kernel, stride, padding, dilation }) =>
    fc.record({
      x: tensors([batch, height, width, groups * channelsPerGroup]),
      filter: tensors([groups * filtersPerGroup, ...kernel, channelsPerGroup]),
      options: fc.constant({ stride, padding, dilation, groups }),
    }),
  );

describe('conv2d', () => {
  test.prop([convolutions], { numRuns: 60 })('obeys the laws of ops', ({ x, filter, options }) => {
    checkOp((x, filter) => conv2d(x, filter, options), [x, filter]);
  });

  const direct = fc
    .record({
      batch: fc.integer({ min: 1, max: 3 }),
      height: fc.integer({ min: 3, max: 7 }),
      width: fc.integer({ min: 3, max: 7 }),
      groups: fc.constantFrom(2, 3, 4, 8),
      channels: fc.constantFrom(1, 4, 8, 16),
      kernel: fc.constantFrom([1, 1] as const, [3, 3] as const, [2, 3] as const),
      stride: fc.constantFrom(1, 2, [2, 1] as const),
      padding: fc.constantFrom('same' as const, 'valid' as const, 1, [0, 2] as const),
      dilation: fc.constantFrom(1, [1, 2] as const),
      seed: fc.nat(),
    })
    .filter(({ width, dilation, padding }) => padding !== 'valid' || dilation === 1 || width > 4);

  test.prop([direct], { numRuns: 60 })('of depth-wise filters and small groups agrees with its definition', (c) => {
    const rng = Rng.fromSeed(c.seed);
    const x = rng.normal([c.batch, c.height, c.width, c.groups * c.channels]);
    const filter = rng.normal([c.groups * c.channels, ...c.kernel, c.channels]);
    const { stride, padding, dilation, groups } = c;
    const attributes = conv2dAttributes('test', x.shape, filter.shape, { stride, padding, dilation, groups });
    const dy = rng.normal(conv2dOutputShape(x.shape, filter.shape, attributes));
    const check = { gradient: false };
    checkOp(
      (x: Tensor, filter: Tensor) => conv2d(x, filter, { stride, padding, dilation, groups }),
      [x, filter],
      check,
    );
    checkOp((dy: Tensor, filter: Tensor) => conv2dInputGradient(dy, filter, x.shape, attributes), [dy, filter], check);
    checkOp((dy: Tensor, x: Tensor) => conv2dFilterGradient(dy, x, filter.shape, attributes), [dy, x], check);
  });

  test('agrees with its definition across chunks of patches', () => {
    // 800 output pixels of 45 numbers each: more than two chunks.
    const rng = Rng.fromSeed(1);
    const inputs: [Tensor, Tensor] = [rng.normal([2, 20, 20, 10]), rng.normal([6, 3, 3, 5])];
    checkOp((x, filter) => conv2d(x, filter, { groups: 2, padding: 'same' }), inputs, { gradient: false });
  });

  test('explains channels that do not fit', () => {
    const filter = zeros([64, 3, 3, 32]);
    filter.label = 'units.3.pointwise.conv.weight';
    expect(() => conv2d(zeros([8, 56, 56, 24]), filter)).toThrow(
      [
        'conv2d: x has 24 channels, filter expects 32',
        '  x       [8, 56, 56, 24]  batch, height, width, channels',
        '  filter  [64, 3, 3, 32]   units.3.pointwise.conv.weight',
        'Hint: channels of x must equal filter.shape[3] × groups (32 × 1).',
      ].join('\n'),
    );
  });
});
