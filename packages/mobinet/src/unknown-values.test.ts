import {
  Adam,
  AdamW,
  BatchNorm2d,
  Conv2d,
  Flatten,
  klDivergence,
  mse,
  type Optimizer,
  Parameter,
  Pool2d,
  PReLU,
  product,
  ReduceOnPlateau,
  RMSProp,
  RPReLU,
  Sequential,
  SGD,
  sequence,
  warmUp,
} from '@mobinet/autograd';
import { BinaryConv2d, BinaryLinear, Bop, binaryConv2d, binarySegment, signWithEstimator } from '@mobinet/bnn';
import {
  binaryInputGradient,
  countDType,
  foldedOutputTransform,
  foldOutputTransform,
  scalePreluBatchNorm,
  scalePreluBatchNormGradient,
  weightGradient,
} from '@mobinet/bnn/kernels';
import {
  batchNorm,
  bitConv2d,
  bitConv2dAttributes,
  broadcastTo,
  cast,
  compile,
  conv2d,
  foldBatchNorm,
  full,
  leakyRelu,
  maxPool2d,
  memory,
  ones,
  packBits,
  pad,
  Rng,
  scalar,
  sum,
  toBackend,
  useBackend,
  variance,
  withBackend,
  zeros,
} from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { imageFromRgba, makeOptimizer, makeSchedule, paperTraining } from './index.js';

const rng = Rng.fromSeed(0);
/** A value that no choice and no size has. */
const odd = 'odd' as never;
const three = [1, 2, 3] as never;

const image = ones([1, 4, 4, 2]);
const filters = ones([2, 3, 3, 2]);
const [imageSigns, filterSigns] = [packBits(image), packBits(filters)];
const [one, two] = [ones([1]), ones([2])];
const [alpha, slope, gamma, beta, mean, shift] = new Array(6).fill(two);
const counts = zeros([1, 2, 2, 2], 'i16');
const attributes = { signs: 4, epsilon: 1e-5, skipRepeats: 0 };
const convolution = bitConv2dAttributes('test', image.shape, filters.shape, {});
const dy = ones([1, 2, 2, 2]);

const calls: [call: string, run: () => unknown, message: RegExp][] = [
  // Tensors.
  ['cast', () => cast(two, odd), /^cast: dtype must be one of f32, i32, u32, i16, u8, not "odd"$/],
  ['full', () => full([2], odd), /^full: value must be a number, not "odd"$/],
  ['scalar', () => scalar(odd), /^scalar: value must be a number, not "odd"$/],
  ['withBackend', () => withBackend(odd, () => 1), /^withBackend: backend must be one of cpu, webgpu, not "odd"$/],
  ['toBackend', () => toBackend(two, odd), /^toBackend: backend must be one of cpu, webgpu, not "odd"$/],
  [
    'compile',
    () => compile((x) => x, [{ dtype: odd, shape: [2] }]),
    /^compile: dtype must be one of .*, bits, not "odd"$/,
  ],
  ['compile, no list', () => compile((x) => x, odd), /^compile: needs a list such as .*, not "odd"$/],
  ['sum', () => sum(two, { axes: odd }), /^sum: needs a list such as \[0, 1\], not "odd"$/],
  [
    'variance',
    () => variance(two, { correction: Number.NaN }),
    /^variance: correction must be a finite number, not NaN$/,
  ],
  ['broadcastTo', () => broadcastTo(one, [1.5]), /^broadcastTo: \[1\.5\] is not a shape/],
  ['leakyRelu', () => leakyRelu(two, odd), /^leakyRelu: slope must be a finite number, not "odd"$/],
  ['pad', () => pad(two, [[1, 0]], { value: odd }), /^pad: value must be a number, not "odd"$/],
  [
    'pad, mode',
    () => pad(two, [[1, 0]], { mode: odd }),
    /^pad: mode must be one of constant, reflect, replicate, not "odd"$/,
  ],
  [
    'pad, no options',
    () => pad(two, [[1, 0]], 1 as never),
    /^pad: options must be an object, not 1\. Its options are /,
  ],
  ['pad, one count', () => pad(two, [[1]] as never), /^pad: pads \[\[1\]\] do not match/],
  [
    'batchNorm',
    () => batchNorm(image, gamma, beta, { epsilon: -1 }),
    /^batchNorm: epsilon must be a number of at least 0, not -1$/,
  ],
  [
    'foldBatchNorm',
    () => foldBatchNorm({ gamma, beta, mean, variance: two, epsilon: odd }),
    /^foldBatchNorm: epsilon must be a number of at least 0, not "odd"$/,
  ],
  [
    'conv2d, padding',
    () => conv2d(image, filters, { padding: odd }),
    /^conv2d: padding must be 'same', 'valid', a whole number or \[height, width\], not "odd"/,
  ],
  [
    'conv2d, stride',
    () => conv2d(image, filters, { stride: three }),
    /^conv2d: stride must be a whole number or \[height, width\], not \[1,2,3\]/,
  ],
  ['maxPool2d', () => maxPool2d(image, { window: [2] as never }), /^maxPool2d: taps must be a whole number or \[/],
  [
    'bitConv2d, dtype',
    () => bitConv2d(imageSigns, filterSigns, { dtype: odd }),
    /^bitConv2d: dtype must be one of i32, i16, u8, not "odd"$/,
  ],
  [
    'bitConv2d, paddingValue',
    () => bitConv2d(imageSigns, filterSigns, { paddingValue: odd }),
    /^bitConv2d: paddingValue must be one of one, zero, not "odd"$/,
  ],
  // Layers check when they are made.
  ['Pool2d', () => new Pool2d(odd), /^Pool2d: kind must be one of average, max, min, not "odd"$/],
  ['Pool2d, window', () => new Pool2d('max', 0), /^Pool2d: taps along the height must be a whole number .* not 0/],
  ['Conv2d, inputs', () => new Conv2d(0, 1, { rng }), /^Conv2d: inChannels must be a whole number .* not 0$/],
  ['Conv2d, outputs', () => new Conv2d(1, odd, { rng }), /^Conv2d: outChannels must be a whole number .* not "odd"$/],
  ['Conv2d, kernel', () => new Conv2d(1, 1, { kernel: three, rng }), /^Conv2d: taps must be a whole number or \[/],
  ['Conv2d, stride', () => new Conv2d(1, 1, { stride: 0, rng }), /^Conv2d: stride along the height must be .* not 0/],
  ['Conv2d, padding', () => new Conv2d(1, 1, { padding: odd, rng }), /^Conv2d: padding must be 'same', .* not "odd"/],
  ['Conv2d, groups', () => new Conv2d(4, 3, { groups: 2, rng }), /^Conv2d: 2 groups do not divide 4 and 3 channels/],
  ['PReLU', () => new PReLU(0), /^PReLU: channels must be a whole number of at least 1, not 0$/],
  ['PReLU, initial', () => new PReLU(2, odd), /^PReLU: initial must be a finite number, not "odd"$/],
  ['RPReLU', () => new RPReLU(1.5), /^RPReLU: channels must be a whole number of at least 1, not 1\.5$/],
  ['BatchNorm2d', () => new BatchNorm2d(0), /^BatchNorm2d: channels must be a whole number of at least 1, not 0$/],
  ['Sequential', () => new Sequential([] as never), /^Sequential: layer 0 must be a module, not \[\]$/],
  ['Parameter, dtype', () => new Parameter(counts as never), /^Parameter: the initial value must be f32, not i16\./],
  ['Parameter', () => new Parameter(two, { binry: true } as never), /^Parameter has no option "binry"\./],
  [
    'BinaryLinear',
    () => new BinaryLinear(0, 1, { rng }),
    /^BinaryLinear: inputs must be a whole number of at least 1, not 0$/,
  ],
  [
    'BinaryLinear, estimator',
    () => new BinaryLinear(2, 1, { estimator: odd, rng }),
    /^BinaryLinear: estimator must be one of identity, clip, approx, not "odd"$/,
  ],
  [
    'BinaryLinear, scalingGradient',
    () => new BinaryLinear(2, 1, { scalingGradient: odd, rng }),
    /^BinaryLinear: scalingGradient must be one of full, xnor-net, detached, not "odd"$/,
  ],
  ['BinaryConv2d', () => new BinaryConv2d(1, 0, { rng }), /^BinaryConv2d: outChannels must be a whole .* not 0$/],
  [
    'BinaryConv2d, estimator',
    () => new BinaryConv2d(2, 2, { estimator: odd, rng }),
    /^BinaryConv2d: estimator must be one of identity, clip, approx, not "odd"$/,
  ],
  [
    'BinaryConv2d, scalingGradient',
    () => new BinaryConv2d(2, 2, { scalingGradient: odd, rng }),
    /^BinaryConv2d: scalingGradient must be one of full, xnor-net, detached, not "odd"$/,
  ],
  [
    'BinaryConv2d, paddingValue',
    () => new BinaryConv2d(2, 2, { paddingValue: odd, rng }),
    /^BinaryConv2d: paddingValue must be one of one, zero, not "odd"$/,
  ],
  // Operations of binary networks.
  [
    'signWithEstimator',
    () => signWithEstimator(two, odd),
    /^signWithEstimator: estimator must be one of identity, clip, approx, not "odd"$/,
  ],
  [
    'binaryConv2d, estimator',
    () => binaryConv2d(image, filters, { estimator: odd }),
    /^binaryConv2d: estimator must be one of identity, clip, approx, not "odd"$/,
  ],
  [
    'binaryConv2d, scalingGradient',
    () => binaryConv2d(image, filters, { scalingGradient: odd }),
    /^binaryConv2d: scalingGradient must be one of full, xnor-net, detached, not "odd"$/,
  ],
  [
    'binarySegment, estimator',
    () => binarySegment(image, filters, { slope, gamma, beta }, { estimator: odd }),
    /^binarySegment: estimator must be one of identity, clip, approx, not "odd"$/,
  ],
  [
    'binarySegment, scalingGradient',
    () => binarySegment(image, filters, { slope, gamma, beta }, { scalingGradient: odd }),
    /^binarySegment: scalingGradient must be one of full, xnor-net, detached, not "odd"$/,
  ],
  [
    'binarySegment, skipRepeats',
    () => binarySegment(image, filters, { slope, gamma, beta }, { skipRepeats: -1 }),
    /^binarySegment: skipRepeats must be a whole number of at least 0, not -1$/,
  ],
  [
    'weightGradient',
    () => weightGradient(filters, filters, two, odd),
    /^weightGradient: scalingGradient must be one of full, xnor-net, detached, not "odd"$/,
  ],
  [
    'weightGradient, shapes',
    () => weightGradient(dy, filters, two, 'full'),
    /^weightGradient: the operands do not fit/,
  ],
  ['weightGradient, alpha', () => weightGradient(filters, filters, one, 'full'), /^weightGradient: the operands do/],
  ['countDType', () => countDType(odd, {}), /^countDType: signs must be a whole number of at least 0, not "odd"$/],
  ['countDType, paddingValue', () => countDType(2, { paddingValue: odd }), /^countDType: paddingValue must be one of/],
  [
    'foldOutputTransform',
    () => foldOutputTransform({ alpha, slope: null, scale: one, shift }),
    /^foldOutputTransform: all parameters must be \[channels\]/,
  ],
  [
    'foldedOutputTransform',
    () => foldedOutputTransform(counts, ones([3, 2]), null, { signs: 4, skipRepeats: 0, pool: odd }),
    /^foldedOutputTransform: pool must be one of null, average, max, min, not "odd"$/,
  ],
  [
    'foldedOutputTransform, counts',
    () => foldedOutputTransform(dy as never, ones([3, 2]), null, { signs: 4, skipRepeats: 0, pool: null }),
    /^foldedOutputTransform: the counts must be u8, i16 or i32, not f32/,
  ],
  [
    'scalePreluBatchNorm, skip',
    () => scalePreluBatchNorm(counts, { alpha, slope, gamma, beta }, null, { ...attributes, skipRepeats: 1 }),
    /^scalePreluBatchNorm: the operands do not fit/,
  ],
  [
    'scalePreluBatchNormGradient',
    () => scalePreluBatchNormGradient(image, counts, { alpha, slope, gamma }, { mean, variance: two }, attributes),
    /^scalePreluBatchNormGradient: the operands do not fit/,
  ],
  [
    'binaryInputGradient',
    () =>
      binaryInputGradient({
        dy,
        signs: filterSigns,
        alpha: one,
        memory: [],
        xShape: image.shape,
        attributes: convolution,
      }),
    /^binaryInputGradient: the operands do not fit/,
  ],
  // Optimizers, schedules and images.
  ['AdamW', () => new AdamW({ betas: 3 } as never), /^adamw: betas must be two numbers, not 3$/],
  ['AdamW, null', () => new AdamW(null as never), /^adamw: options must be an object, not null\. Its options are /],
  ['Bop', () => new Bop({ betas: 3 } as never), /^bop: betas must be two numbers, not 3$/],
  ['Bop, options', () => new Bop({ rate: 3 } as never), /^bop has no option "rate"\. Its options are threshold, adapt/],
  ['Bop, null', () => new Bop(null as never), /^bop: options must be an object, not null\. Its options are /],
  [
    'SGD',
    () => new SGD({ learningRate: 1, momentum: 0.9, nesterov: odd }),
    /^sgd: nesterov must be one of false, true, not/,
  ],
  ['RMSProp', () => new RMSProp({ centered: odd }), /^rmsprop: centered must be one of false, true, not "odd"$/],
  ['groups', () => new Adam({ groups: odd }), /^adam: groups: needs a list such as .*, not "odd"$/],
  ['groups, matches', () => new Adam({ groups: [{ matches: odd }] }), /^adam: groups\[0\]\.matches: needs a function/],
  ['mse', () => mse(two, two, { reduction: odd }), /^mse: reduction must be one of mean, sum, none, not "odd"$/],
  [
    'klDivergence',
    () => klDivergence(two, two, { reduction: odd }),
    /^klDivergence: reduction must be one of mean, sum, none, not "odd"$/,
  ],
  ['Flatten', () => new Flatten({ startAxis: odd }), /^Flatten: startAxis must be a whole number, not "odd"$/],
  ['sequence', () => sequence({ schedules: odd, at: [] }), /^sequence: schedules: needs a list such as .*, not "odd"$/],
  ['product', () => product([odd]), /^product\[0\]: needs a function, not "odd"$/],
  [
    'ReduceOnPlateau',
    () => new ReduceOnPlateau({ rate: 1, mode: odd }),
    /^ReduceOnPlateau: mode must be one of min, max, not "odd"$/,
  ],
  ['decays', () => new Adam({ decays: odd }), /^adam: decays: needs a function, not "odd"$/],
  ['warmUp', () => warmUp({ steps: 1, schedule: odd }), /^warmUp: schedule: needs a function, not "odd"$/],
  [
    'makeOptimizer',
    (): Optimizer => makeOptimizer({ ...paperTraining, optimizer: odd }),
    /^makeOptimizer: optimizer must be one of adam, adamw, sgd, rmsprop, bop, not "odd"$/,
  ],
  [
    'makeSchedule',
    () => makeSchedule({ ...paperTraining, schedule: odd }, 10),
    /^makeSchedule: schedule must be one of step, one-cycle, cosine, constant, not "odd"$/,
  ],
  [
    'makeSchedule, steps',
    () => makeSchedule(paperTraining, -3),
    /^makeSchedule: steps must be a whole number .* not -3$/,
  ],
  [
    'imageFromRgba',
    // @ts-expect-error Its type does not allow plain arrays, either.
    () => imageFromRgba({ height: 1, width: 1, data: [1, 2, 3, 255] }),
    /^imageFromRgba: data must be a Uint8Array of bytes from 0 to 255, not a plain array$/,
  ],
];

describe('public functions, with a choice or a size that they do not know', () => {
  test.each(calls)('%s says in its first line what is wrong, and leaks no memory', (_, run, message) => {
    const before = memory();
    expect(run).toThrow(message);
    expect(memory().bytes - before.bytes).toBeLessThan(100);
  });

  test('useBackend rejects its promise', async () => {
    await expect(useBackend(odd)).rejects.toThrow(/^useBackend: choice must be one of cpu, webgpu, auto, not "odd"$/);
  });
});
