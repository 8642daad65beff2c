import { fc, test } from '@fast-check/vitest';
import { afterAll, describe, expect } from 'vitest';
import { setThreads } from '../../backends/cpu/threads.js';
import { withKernels } from '../../op.js';
import { Rng } from '../../random.js';
import { tidy } from '../../scope.js';
import type { Shape } from '../../shape.js';
import { checkOp } from '../../testing/index.js';
import { bitConv2d } from './bit-conv2d.js';
import { bitConv2dAttributes } from './bit-conv2d-attributes.js';
import { hasPatches } from './bit-conv2d-patches.wasm.js';
import { packBits } from './pack-bits.js';

afterAll(() => setThreads(1));

/** Convolutions without groups that are large enough to be computed as a product of matrices. */
const convolutions = fc
  .record({
    batch: fc.integer({ min: 1, max: 2 }),
    // The largest window, five pixels in steps of two, fits into all of them without padding.
    size: fc.constantFrom([12, 11], [9, 19], [15, 15]),
    words: fc.constantFrom(1, 2, 3, 5, 7),
    filters: fc.constantFrom(48, 56, 63, 64),
    kernel: fc.constantFrom([3, 3], [3, 3], [1, 1], [2, 3], [5, 1]),
    stride: fc.constantFrom(1, 1, 2, [1, 2] as const),
    padding: fc.constantFrom('same' as const, 'same' as const, 'valid' as const, 2, [0, 3] as const),
    dilation: fc.constantFrom(1, 1, [1, 2] as const, 2),
    paddingValue: fc.constantFrom('one' as const, 'zero' as const),
    seed: fc.nat(),
  })
  .map(({ batch, size, words, filters, kernel, seed, ...options }) => {
    const rng = Rng.fromSeed(seed);
    const signs = (name: string, shape: Shape) => tidy(() => packBits(rng.split(name).normal(shape)));
    const x = signs('x', [batch, ...size, 32 * words]);
    const filter = signs('filter', [filters, ...kernel, 32 * words]);
    return { x, filter, options };
  })
  .filter(({ x, filter, options }) => {
    const attributes = bitConv2dAttributes('bitConv2d', x.shape, filter.shape, options);
    const { height, width } = attributes.window;
    const pixels = x.shape[0] * height.output * width.output;
    return hasPatches(filter, { size: pixels * filter.shape[0] }, attributes);
  });

describe('bitConv2d by patches', () => {
  test.prop([convolutions, fc.constantFrom('i16' as const, 'i32' as const)], { numRuns: 15 })(
    'obeys the laws of ops',
    ({ x, filter, options }, dtype) => {
      checkOp((x, filter) => bitConv2d(x, filter, { ...options, dtype }), [x, filter], { gradient: false });
    },
  );

  test('counts differing signs in bytes', () => {
    const rng = Rng.fromSeed(1);
    const [x, filter] = tidy(() => [packBits(rng.normal([1, 40, 20, 64])), packBits(rng.normal([64, 1, 3, 64]))]);
    const options = { padding: 'same', dtype: 'u8' } as const;
    expect(hasPatches(filter, { size: 800 * 64 }, bitConv2dAttributes('', x.shape, filter.shape, options))).toBe(true);
    checkOp((x, filter) => bitConv2d(x, filter, options), [x, filter], { gradient: false });
  });

  test('computes the same on 1, 2 and 3 threads, in several passes', async () => {
    const rng = Rng.fromSeed(2);
    // 484 patches of 576 bytes.
    const [x, filter] = tidy(() => [packBits(rng.normal([1, 22, 22, 512])), packBits(rng.normal([48, 3, 3, 512]))]);
    const convolve = () => tidy(() => [...bitConv2d(x, filter, { padding: 'same' }).values]);
    const expected = withKernels('reference', convolve);
    for (const threads of [1, 2, 3]) {
      await setThreads(threads);
      expect(convolve()).toEqual(expected);
    }
  });
});
