import { fc, test } from '@fast-check/vitest';
import { describe, expect, expectTypeOf } from 'vitest';
import { memory } from '../../backend.js';
import type { BitTensor } from '../../bit-tensor.js';
import { ones, zeros } from '../../create.js';
import { DTypeError, ShapeError } from '../../errors.js';
import { type RecordedCall, withKernels } from '../../op.js';
import { Rng } from '../../random.js';
import { type Shape, sizeOf } from '../../shape.js';
import { emptyTensor, type Tensor } from '../../tensor.js';
import { awkwardChannels, checkOp } from '../../testing/index.js';
import { withRecorder } from '../../with-recorder.js';
import { conv2d } from '../conv2d/conv2d.js';
import { mul } from '../elementwise/binary.js';
import { pad } from '../shape/pad.js';
import { pair, slidingWindow } from '../window.js';
import { bitConv2d } from './bit-conv2d.js';
import { type BitConv2dOptions, bitConv2dAttributes } from './bit-conv2d-attributes.js';
import { bitConv2dFilterGradient, bitConv2dInputGradient } from './bit-conv2d-gradients.js';
import { packBits, unpackBits } from './pack-bits.js';

/**
 * A convolution of signs with matching shapes. Its groups are within a word, straddle words, or are one or many words.
 */
const convolutions = fc
  .record({
    batch: fc.integer({ min: 1, max: 2 }),
    height: fc.integer({ min: 3, max: 5 }),
    width: fc.integer({ min: 3, max: 5 }),
    groups: fc.integer({ min: 1, max: 5 }),
    groupChannels: fc.oneof(awkwardChannels, fc.constantFrom(2, 3, 8, 21)),
    filtersPerGroup: fc.integer({ min: 1, max: 3 }),
    kernel: fc.constantFrom([1, 1] as const, [3, 3] as const, [2, 1] as const, [1, 3] as const, [2, 2] as const),
    stride: fc.constantFrom(1, 2, 3, [2, 1] as const),
    padding: fc.constantFrom('same' as const, 'valid' as const, 1, [0, 2] as const),
    dilation: fc.constantFrom(1, [1, 2] as const),
    paddingValue: fc.constantFrom('one' as const, 'zero' as const),
    seed: fc.nat(),
  })
  .filter(
    ({ width, kernel, dilation, padding }) => padding !== 'valid' || dilation === 1 || (kernel[1] - 1) * 2 < width,
  )
  .map(({ batch, height, width, groups, groupChannels, filtersPerGroup, kernel, seed, ...options }) => {
    const rng = Rng.fromSeed(seed);
    return {
      x: packBits(rng.normal([batch, height, width, groups * groupChannels])),
      filter: packBits(rng.normal([groups * filtersPerGroup, ...kernel, groupChannels])),
      options: { ...options, groups },
      rng,
    };
  });

/**
 * Groups of 1, 2, 4 and 8 channels with as many filters, and enough pixels for tables. Wide images take several bands.
 */
const convolutionsByTables = fc
  .record({
    batch: fc.integer({ min: 1, max: 3 }),
    size: fc.constantFrom([9, 10], [8, 13], [20, 17], [25, 130], [70, 9]),
    bytes: fc.integer({ min: 1, max: 5 }),
    groupChannels: fc.constantFrom(1, 2, 4, 8),
    kernel: fc.constantFrom([3, 3], [3, 3], [1, 1], [2, 3], [4, 4], [1, 5]),
    stride: fc.constantFrom(1, 1, 2, [3, 1] as const),
    padding: fc.constantFrom('same' as const, 'same' as const, 'valid' as const, 2, [0, 7] as const),
    dilation: fc.constantFrom(1, 1, [2, 1] as const, [1, 2] as const),
    counts: fc.constantFrom(
      { dtype: 'u8' as const },
      { dtype: 'i16' as const },
      { dtype: 'i32' as const },
      { dtype: 'i16' as const, paddingValue: 'zero' as const },
      { dtype: 'i32' as const, paddingValue: 'zero' as const },
    ),
    seed: fc.nat(),
  })
  .map(({ batch, size, bytes, groupChannels, kernel, seed, counts, ...window }) => {
    const rng = Rng.fromSeed(seed);
    const channels = 8 * bytes;
    return {
      x: packBits(rng.split('x').normal([batch, ...size, channels])),
      filter: packBits(rng.split('filter').normal([channels, ...kernel, groupChannels])),
      options: { ...window, ...counts, groups: channels / groupChannels },
    };
  });

/** The same convolution of numbers ±1. For padding with +1 the image is padded first; `conv2d` itself pads with 0. */
function convolutionOfNumbers(x: Tensor, filter: Tensor, { paddingValue, ...options }: BitConv2dOptions): Tensor {
  if (paddingValue === 'zero') return conv2d(x, filter, options);
  const [, kernelHeight, kernelWidth] = filter.shape;
  const window = slidingWindow('test', x.shape, [kernelHeight, kernelWidth], options);
  const border = ([window.height, window.width] as const).map(({ output, taps, input, before }, axis) => {
    const span = (output - 1) * pair(options.stride ?? 1)[axis] + (taps - 1) * pair(options.dilation ?? 1)[axis] + 1;
    return [before, Math.max(0, span - before - input)] as const;
  });
  return conv2d(pad(x, [[0, 0], border[0], border[1], [0, 0]], { value: 1 }), filter, { ...options, padding: 'valid' });
}

/** Small integers, so that sums of floats are exact in any order. */
function integers(shape: Shape, rng: Rng): Tensor {
  const result = emptyTensor('f32', shape);
  for (let at = 0; at < sizeOf(shape); at++) result.values[at] = rng.integer(9) - 4;
  return result;
}

/** The gradients of `inputs`, by a reverse pass over the calls that `f` makes. */
function gradientsOf(f: () => Tensor, inputs: readonly Tensor[], outputGradient: Tensor): Tensor[] {
  const calls: RecordedCall[] = [];
  const output = withRecorder({ record: (call) => calls.push(call) }, f);
  const gradients = new Map([[output.id, outputGradient]]);
  for (const call of calls.reverse()) {
    const rules = call.gradient!(gradients.get(call.output.id)!, call.saved);
    rules.forEach((rule, index) => {
      if (rule) gradients.set(call.inputs[index].id, rule());
    });
  }
  return inputs.map(({ id }) => gradients.get(id)!);
}

describe('bitConv2d', () => {
  test('agrees with its definition across chunks of patches and blocks of rows', () => {
    const rng = Rng.fromSeed(1);
    const [x, grouped, pointwise] = [
      [2, 20, 20, 14],
      [14, 3, 3, 7],
      [9, 1, 1, 14],
    ].map((s) => packBits(rng.normal(s)));
    for (const paddingValue of ['one', 'zero'] as const) {
      const options = { groups: 2, padding: 'same', paddingValue } as const;
      checkOp((x, filter) => bitConv2d(x, filter, options), [x, grouped], { gradient: false });
    }
    checkOp((x, filter) => bitConv2d(x, filter), [x, pointwise], { gradient: false });
  });

  test('returns an empty batch for an empty batch', () => {
    const before = memory();
    const [x, filter] = [packBits(zeros([0, 5, 5, 8])), packBits(zeros([8, 3, 3, 8]))];
    const y = bitConv2d(x, filter, { padding: 'same' });
    expect(y.shape).toEqual([0, 5, 5, 8]);
    expect(memory().bytes - before.bytes).toBe(4 * (8 * 3 * 3 * 8) + 4 * (8 * 3 * 3));
  });

  test.prop([convolutions], { numRuns: 150 })('equals the convolution of the signs as numbers', (convolution) => {
    const { x, filter, options } = convolution;
    const y = bitConv2d(x, filter, options);
    const expected = convolutionOfNumbers(unpackBits(x), unpackBits(filter), options);
    expect(y.dtype).toBe('i32');
    expect(y.shape).toEqual(expected.shape);
    expect([...y.values]).toEqual([...expected.values]);
  });

  test.prop([convolutionsByTables], { numRuns: 60 })(
    'agrees with its definition when computed by tables',
    ({ x, filter, options }) => {
      checkOp((x, filter) => bitConv2d(x, filter, options), [x, filter], { gradient: false });
    },
  );

  test.prop([convolutions], { numRuns: 20 })('obeys the laws of ops', ({ x, filter, options }) => {
    checkOp((x, filter) => bitConv2d(x, filter, options), [x, filter], { gradient: false });
  });

  test.prop([convolutions], { numRuns: 60 })('has the gradients of the convolution of numbers', (convolution) => {
    const { x, filter, options, rng } = convolution;
    const [signsX, signsFilter] = [unpackBits(x), unpackBits(filter)];
    const calls: RecordedCall[] = [];
    const y = withRecorder({ record: (call) => calls.push(call) }, () => bitConv2d(x, filter, options));
    const dy = integers(y.shape, rng);
    const expected = gradientsOf(
      () => convolutionOfNumbers(signsX, signsFilter, options),
      [signsX, signsFilter],
      dy,
    ).map(({ values }) => [...values]);
    const viaRule = calls[0].gradient!(dy, calls[0].saved).map((gradient) => gradient!());
    expect(viaRule.map(({ shape }) => shape)).toEqual([x.shape, filter.shape]);
    expect(viaRule.map(({ values }) => [...values])).toEqual(expected);

    const attributes = bitConv2dAttributes('test', x.shape, filter.shape, options);
    const dx = bitConv2dInputGradient(dy, filter, x.shape, attributes);
    const dFilter = bitConv2dFilterGradient(dy, x, filter.shape, attributes);
    expect([[...dx.values], [...dFilter.values]]).toEqual(expected);
  });

  const tiers = fc.constantFrom('fast' as const, 'reference' as const);
  const signsOf = (filter: BitTensor): number => sizeOf(filter.shape.slice(1));
  const asBytes = convolutions
    .filter(({ filter }) => signsOf(filter) <= 255)
    .map(({ options, ...rest }) => ({ ...rest, options: { ...options, paddingValue: 'one' as const } }));

  test.prop([convolutions, tiers], { numRuns: 100 })('is the same in 16 bits', ({ x, filter, options }, tier) => {
    const y = withKernels(tier, () => bitConv2d(x, filter, { ...options, dtype: 'i16' }));
    expect(y.dtype).toBe('i16');
    expect([...y.values]).toEqual([...bitConv2d(x, filter, options).values]);
  });

  test.prop([asBytes, tiers], { numRuns: 100 })('counts differing signs in 8 bits', (convolution, tier) => {
    const { x, filter, options } = convolution;
    const differences = withKernels(tier, () => bitConv2d(x, filter, { ...options, dtype: 'u8' }));
    expect(differences.dtype).toBe('u8');
    const products = Array.from(differences.values, (d) => signsOf(filter) - 2 * d);
    expect(products).toEqual([...bitConv2d(x, filter, options).values]);
  });

  test.prop([asBytes], { numRuns: 40 })('obeys the laws of ops in 8 and in 16 bits', ({ x, filter, options }) => {
    for (const dtype of ['u8', 'i16'] as const) {
      checkOp((x, filter) => bitConv2d(x, filter, { ...options, dtype }), [x, filter], { gradient: false });
    }
  });

  test.prop([asBytes, tiers], { numRuns: 40 })(
    'has the gradients of its output, which is the products or −½ of them',
    ({ x, filter, options, rng }, tier) => {
      const gradientsFor = (dtype: 'i32' | 'i16' | 'u8') => {
        const calls: RecordedCall[] = [];
        withRecorder({ record: (call) => calls.push(call) }, () => bitConv2d(x, filter, { ...options, dtype }));
        const dy = integers(calls[0].output.shape, rng.split('dy'));
        return calls[0].gradient!(dy, calls[0].saved).map((gradient) => [...(gradient!() as Tensor).values]);
      };
      withKernels(tier, () => {
        const expected = gradientsFor('i32');
        expect(gradientsFor('i16')).toEqual(expected);
        const differences = gradientsFor('u8');
        expect(differences.map((values) => values.map((value) => 0 - 2 * value))).toEqual(
          expected.map((values) => values.map((value) => 0 + value)),
        );
      });
    },
  );

  /** The largest filters, of one tap or several, all −1, and their counts on images that are all +1 and all −1. */
  const largest = [
    { dtype: 'u8', signs: 255, shape: [1, 1, 1, 255], counts: [255, 0] },
    { dtype: 'u8', signs: 255, shape: [1, 3, 5, 17], counts: [255, 0] },
    { dtype: 'i16', signs: 32767, shape: [1, 1, 1, 32767], counts: [-32767, 32767] },
    { dtype: 'i16', signs: 32767, shape: [1, 1, 7, 4681], counts: [-32767, 32767] },
  ] as const;

  test.each(largest)(
    '$dtype can hold the counts of $signs signs in shape $shape, but of no more',
    ({ dtype, signs, shape, counts }) => {
      const [, height, width, channels] = shape;
      const [plus, minus] = [1, -1].map((sign) => packBits(mul(ones([1, height, width, channels]), sign)));
      const filter = packBits(mul(ones(shape), -1));
      for (const tier of ['fast', 'reference'] as const) {
        const found = [plus, minus].map((x) => withKernels(tier, () => bitConv2d(x, filter, { dtype }).values[0]));
        expect(found, tier).toEqual(counts);
      }
      const beyond = packBits(ones([1, height, width, channels + 1]));
      expect(() => bitConv2d(beyond, beyond, { dtype })).toThrow(
        `bitConv2d: ${dtype} can count at most ${signs} signs, and a filter has ${height * width * (channels + 1)}. Omit dtype to count in i32.`,
      );
    },
  );

  test('refuses to pad with zero in 8 bits', () => {
    const [x, filter] = [packBits(ones([1, 4, 4, 8])), packBits(ones([2, 3, 3, 8]))];
    const options = { padding: 'same', paddingValue: 'zero' } as const;
    expect(() => bitConv2d(x, filter, { ...options, dtype: 'u8' })).toThrow(
      new RangeError(
        "bitConv2d: u8 counts differing signs, and a padding of zero has no sign. Use dtype 'i16' or paddingValue 'one'.",
      ),
    );
    expect(bitConv2d(x, filter, { ...options, dtype: 'i16' }).values[0]).toBe(4 * 8);
    expectTypeOf(bitConv2d(x, filter, { dtype: 'u8' })).toEqualTypeOf<Tensor<'u8'>>();
    expectTypeOf(bitConv2d(x, filter)).toEqualTypeOf<Tensor<'i32'>>();
  });

  test('frees the signs that its gradients unpack', () => {
    const x = packBits(zeros([1, 4, 4, 40]));
    const filter = packBits(zeros([2, 3, 3, 40]));
    const dy = zeros([1, 4, 4, 2]);
    const attributes = bitConv2dAttributes('test', x.shape, filter.shape, { padding: 'same' });
    const before = memory().tensors;
    bitConv2dInputGradient(dy, filter, x.shape, attributes).dispose();
    bitConv2dFilterGradient(dy, x, filter.shape, attributes).dispose();
    expect(memory().tensors).toBe(before);
  });

  test('pads with +1 by default', () => {
    const minus = packBits(emptyTensor('f32', [1, 1, 1, 40]));
    minus.words.set([0xffffffff, 0xff]);
    const filter = packBits(zeros([1, 3, 3, 40]));
    expect([...bitConv2d(minus, filter, { padding: 1 }).values]).toEqual([8 * 40 - 40]);
    expect([...bitConv2d(minus, filter, { padding: 1, paddingValue: 'zero' }).values]).toEqual([-40]);
  });

  test('explains operands that do not match', () => {
    const x = packBits(zeros([8, 56, 56, 24]));
    const filter = packBits(zeros([64, 3, 3, 32]));
    filter.label = 'units.3.pointwise.conv.weight';
    expect(() => bitConv2d(x, filter)).toThrow(
      [
        'bitConv2d: x has 24 channels, filter expects 32',
        '  x       [8, 56, 56, 24]  batch, height, width, channels',
        '  filter  [64, 3, 3, 32]   units.3.pointwise.conv.weight',
        'Hint: channels of x must equal filter.shape[3] × groups (32 × 1).',
      ].join('\n'),
    );
    expect(() => bitConv2d(packBits(zeros([5, 5, 32])), filter)).toThrow(ShapeError);
    // @ts-expect-error numbers must be packed first
    expect(() => bitConv2d(zeros([1, 5, 5, 32]), filter)).toThrow(DTypeError);
  });
});
