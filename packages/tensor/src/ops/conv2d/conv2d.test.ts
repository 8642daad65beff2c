import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { zeros } from '../../create.js';
import { Rng } from '../../random.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, tensors } from '../../testing/index.js';
import { rngs } from '../borders.test.helper.js';
import { conv2d } from './conv2d.js';
import { type Conv2dOptions, conv2dAttributes, conv2dOutputShape } from './conv2d-attributes.js';
import { conv2dFilterGradient, conv2dInputGradient } from './conv2d-gradients.js';

/** A convolution with matching shapes and all kinds of options. */
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

  test('agrees with its definition when patches are made for a few images at a time', () => {
    // The patches of one image take 3.7 MB, so patches are made for two images at a time.
    const rng = Rng.fromSeed(1);
    const [x, filter] = [rng.normal([3, 40, 40, 64]), rng.normal([2, 3, 3, 64])];
    checkConvolution(x, filter, { padding: 'same' }, rng);
  });

  test('explains channels that do not match', () => {
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

/** Checks the convolution and both of its gradients against their definitions. */
function checkConvolution(x: Tensor, filter: Tensor, options: Conv2dOptions, rng: Rng): void {
  const attributes = conv2dAttributes('test', x.shape, filter.shape, options);
  const dy = rng.normal(conv2dOutputShape(x.shape, filter.shape, attributes));
  const check = { gradient: false };
  checkOp((x: Tensor, filter: Tensor) => conv2d(x, filter, options), [x, filter], check);
  checkOp((dy: Tensor, filter: Tensor) => conv2dInputGradient(dy, filter, x.shape, attributes), [dy, filter], check);
  checkOp((dy: Tensor, x: Tensor) => conv2dFilterGradient(dy, x, filter.shape, attributes), [dy, x], check);
}

/** Windows over images large enough for pairs of pixels, for whole rows of taps, and for all kinds of borders. */
const windows = fc
  .record({
    batch: fc.constantFrom(1, 2),
    height: fc.integer({ min: 3, max: 12 }),
    width: fc.integer({ min: 3, max: 19 }),
    kernel: fc.constantFrom([1, 1], [3, 3], [5, 3], [2, 2], [1, 4]),
    stride: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    dilation: fc.tuple(fc.constantFrom(1, 2), fc.constantFrom(1, 2)),
    padding: fc.oneof(
      fc.constantFrom('same' as const, 'valid' as const),
      fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 4 })),
    ),
    rng: rngs,
  })
  .filter(({ height, width, kernel, dilation, padding }) =>
    [height, width].every((size, axis) => {
      const around = typeof padding === 'string' ? 0 : 2 * padding[axis];
      return padding === 'same' || (kernel[axis] - 1) * dilation[axis] < size + around;
    }),
  );

/** The number of groups, and the number of channels and filters in each. */
type Grouping = readonly [groups: number, channels: number, filters: number];

const groupings: Record<string, fc.Arbitrary<Grouping>> = {
  'for depth-wise filters': fc.integer({ min: 1, max: 10 }).map((fours) => [4 * fours, 1, 1]),
  'for small groups': fc.tuple(fc.constantFrom(2, 3, 5), fc.constantFrom(4, 8, 16)).map(([n, size]) => [n, size, size]),
  // Without groups, neighboring taps are copied together.
  'for a single group': fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 9 }))
    .map(([c, f]) => [1, c, f]),
  'for other groups': fc.constantFrom<Grouping>([2, 5, 5], [3, 4, 2], [5, 1, 1], [6, 1, 2], [2, 17, 3], [4, 4, 8]),
};

describe('the kernels of conv2d', () => {
  for (const [name, grouping] of Object.entries(groupings)) {
    test.prop([windows, grouping], { numRuns: 50 })(
      `${name} agree with the definition for all kinds of windows`,
      ({ batch, height, width, kernel, rng, ...window }, [groups, channels, filters]) => {
        const x = rng.split('x').normal([batch, height, width, groups * channels]);
        const filter = rng.split('filter').normal([groups * filters, ...kernel, channels]);
        checkConvolution(x, filter, { ...window, groups }, rng);
      },
    );
  }
});
