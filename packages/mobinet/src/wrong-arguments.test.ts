import {
  Adam,
  binaryCrossEntropyWithLogits,
  Conv2d,
  crossEntropy,
  exponential,
  Flatten,
  huber,
  klDivergence,
  Linear,
  l1,
  loadState,
  mse,
  noGradient,
  Parameter,
  ReduceOnPlateau,
  RMSProp,
  SGD,
  saveState,
  stepDecay,
  valueAndGradient,
} from '@mobinet/autograd';
import { BinaryConv2d, BinaryLinear, Bop } from '@mobinet/bnn';
import {
  add,
  avgPool2d,
  concat,
  conv2d,
  decodeNpy,
  decodeSafetensors,
  encodeSafetensors,
  full,
  gather,
  matmul,
  max,
  maxPool2d,
  mean,
  memory,
  oneHot,
  ones,
  pad,
  Rng,
  relu,
  reshape,
  slice,
  softmax,
  sum,
  type Tensor,
  tensor,
  tidy,
  transpose,
  withoutMemory,
  zeros,
} from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { createMoBiNet, ImageLoader, loadPacked, mobinet, packModel, unpackModel } from './index.js';

/** Wrong arguments, which JavaScript allows since no compiler rejects them. */
const wrong = undefined as never;
const five = 5 as never;
const text = 'x' as never;
const x = ones([2, 2]);
const image = ones([1, 4, 4, 1]);
const rng = Rng.fromSeed(0);
const labels = tensor([0, 1], { dtype: 'i32' });
const linear = new Linear(2, 1, { rng });
const state = saveState(linear);
const huge = [2 ** 30, 2 ** 30];

const calls: [call: string, run: () => unknown, message: RegExp][] = [
  // Not a tensor.
  ['add', () => add(x, wrong), /^add: b must be a tensor, not undefined/],
  ['add of a list', () => add([1, 2] as never, x), /^add: a must be a tensor, not \[1,2\]\. Make one with tensor/],
  [
    'add of a promise',
    () => add(Promise.resolve(x) as never, x),
    /^add: a must be a tensor, not a Promise\. Await it first\.$/,
  ],
  ['a tensor as a number', () => 2 * (x as never), /^a tensor of shape \[2, 2\] is not a number\. Use mul/],
  ['relu', () => relu(text), /^relu: input 0 must be a tensor, not "x"/],
  ['matmul', () => matmul(x, null as never), /^matmul: b must be a tensor, not null/],
  ['conv2d', () => conv2d(x, wrong), /^conv2d: filter must be a tensor, not undefined/],
  ['softmax', () => softmax([1] as never), /^softmax: x must be a tensor/],
  ['sum', () => sum(five), /^sum: x must be a tensor, not 5/],
  ['mean', () => mean(wrong), /^mean: x must be a tensor/],
  ['mean of axes', () => mean(x, [0, 1] as never), /^mean: options must be an object, not \[0,1\]\. Its options are /],
  [
    'withoutMemory',
    () => withoutMemory((async () => {}) as never),
    /^withoutMemory: the callback returned a promise\. Await it outside\.$/,
  ],
  ['max', () => max({} as never), /^max: x must be a tensor, not \{\}/],
  ['maxPool2d', () => maxPool2d(wrong, { window: 2 }), /^maxPool2d: x must be a tensor/],
  ['avgPool2d', () => avgPool2d(text, { window: 2 }), /^avgPool2d: x must be a tensor/],
  ['gather', () => gather(x, [0] as never), /^gather: indices must be a tensor/],
  ['concat', () => concat([x, wrong], 0), /^concat: tensor 1 must be a tensor/],
  ['concat of one', () => concat(x as never, 0), /^concat: needs a list .* not a tensor of shape \[2, 2\]$/],
  ['oneHot', () => oneHot(five, 3), /^oneHot: indices must be a tensor/],
  ['crossEntropy', () => crossEntropy(x, [0, 1] as never), /^crossEntropy: labels must be a tensor, not \[0,1\]/],
  ['crossEntropy of floats', () => crossEntropy(x, ones([2]) as never), /labels must be i32, not f32/],
  [
    'mse of integers',
    () => mse(x, ones([2, 2], 'i32') as never),
    /^mse: target must be f32, not i32\. Use cast\(target, 'f32'\)\.$/,
  ],
  ['mse', () => mse(x, 1 as never), /^mse: target must be a tensor, not 1/],
  ['l1', () => l1(five, x), /^l1: prediction must be a tensor, not 5/],
  ['huber', () => huber(x, wrong), /^huber: target must be a tensor, not undefined/],
  ['klDivergence', () => klDivergence(x, [1] as never), /^klDivergence: target must be a tensor, not \[1\]/],
  [
    'binaryCrossEntropyWithLogits',
    () => binaryCrossEntropyWithLogits(null as never, x),
    /^binaryCrossEntropyWithLogits: logits must be a tensor, not null/,
  ],
  [
    'crossEntropy, weight',
    () => crossEntropy(x, labels, { weight: 2 as never }),
    /^crossEntropy: weight must be a tensor/,
  ],
  ['saveState', () => saveState(x as never), /^saveState: needs a module, not a tensor of shape \[2, 2\]$/],
  ['loadState', () => loadState(linear, text), /is read from a Uint8Array, not from "x"$/],
  ['Parameter', () => new Parameter([1] as never), /^Parameter: the initial value must be a tensor/],
  ['encodeSafetensors', () => encodeSafetensors({ w: [1] as never }), /^encodeSafetensors: w must be a tensor/],
  // Not a shape, or not a list.
  ['zeros', () => zeros(five), /^zeros: needs a list such as \[2, 3\], not 5$/],
  ['ones', () => ones(wrong), /^ones: needs a list .* not undefined$/],
  [
    'full of too much',
    () => full(huge, 0),
    /^full: \[1073741824, 1073741824\] has more elements than a tensor can have$/,
  ],
  [
    'zeros of no type',
    () => zeros([2], 'f64' as never),
    /^zeros: dtype must be one of f32, i32, u32, i16, u8, not "f64"$/,
  ],
  ['reshape', () => reshape(x, five), /^reshape: needs a list/],
  ['slice', () => slice(x, five), /^slice: needs a list/],
  ['transpose', () => transpose(x, five), /^transpose: needs a list such as \[1, 0\], not 5$/],
  ['pad', () => pad(x, five), /^pad: needs a list/],
  // Not a function, bytes or an object.
  ['tidy', () => tidy(wrong), /^tidy: needs a function, not undefined$/],
  ['noGradient', () => noGradient(x as never), /^noGradient: needs a function, not a tensor of shape \[2, 2\]$/],
  ['valueAndGradient', () => valueAndGradient(five), /^valueAndGradient: needs a function, not 5$/],
  ['decodeSafetensors', () => decodeSafetensors(text), /is read from a Uint8Array, not from "x"$/],
  ['decodeNpy', () => decodeNpy(new ArrayBuffer(8) as never), /is read from a Uint8Array, not from an ArrayBuffer$/],
  ['unpackModel', () => unpackModel(wrong), /is read from a Uint8Array, not from undefined$/],
  ['packModel', () => packModel(wrong), /^packModel: the network must be a Module, not undefined$/],
  ['createMoBiNet', () => createMoBiNet(text), /^the options of mobinet must be an object, not "x"$/],
  ['resolve', () => mobinet.resolve(null), /must be an object, not null$/],
  ['Linear', () => new Linear(3, 4, wrong), /^Linear: options must be an object, not undefined\. Its options are /],
  [
    'Linear without rng',
    () => new Linear(3, 4, {} as never),
    /^Linear: rng must be an Rng, such as Rng\.fromSeed\(0\)/,
  ],
  ['Linear of nothing', () => new Linear(Number.NaN, 4, { rng }), /^Linear: inputs must be a whole number .* not NaN$/],
  ['Conv2d', () => new Conv2d(3, 4, wrong), /^Conv2d: options must be an object/],
  ['BinaryConv2d', () => new BinaryConv2d(4, 4, { rng: five }), /^BinaryConv2d: rng must be an Rng.* not 5$/],
  ['BinaryLinear', () => new BinaryLinear(4, 4, wrong), /^BinaryLinear: options must be an object/],
  ['SGD', () => new SGD(wrong), /^sgd: options must be an object, not undefined\. Its options are /],
  ['ImageLoader', () => new ImageLoader(wrong, wrong), /^the image loader: options must be an object/],
  // A misplaced argument or a misspelled option, which would otherwise be ignored.
  [
    'tensor',
    () => tensor([1, 2, 3, 4], [2, 2] as never),
    /^tensor: options must be an object, not \[2,2\]\. Its options are /,
  ],
  ['sum of an axis', () => sum(x, { axis: 0 } as never), /^sum has no option "axis"\. Its options are axes, keepDims$/],
  [
    'matmul, transposed',
    () => matmul(x, x, true as never),
    /^matmul: options must be an object, not true\. Its options are /,
  ],
  [
    'conv2d, stride',
    () => conv2d(image, ones([1, 1, 1, 1]), 2 as never),
    /^conv2d: options must be an object, not 2\. Its options are /,
  ],
  [
    'maxPool2d, window',
    () => maxPool2d(image, 2 as never),
    /^maxPool2d: options must be an object, not 2\. Its options are /,
  ],
  ['avgPool2d, size', () => avgPool2d(image, { size: 2 } as never), /^avgPool2d has no option "size"/],
  ['crossEntropy, smoothing', () => crossEntropy(x, labels, { smoothing: 0.1 } as never), /has no option "smoothing"/],
  ['Adam, lr', () => new Adam({ lr: 1e-3 } as never), /^adam has no option "lr"\. Its options are learningRate, /],
  [
    'Adam as in PyTorch',
    () => new Adam(linear.parameters() as never),
    /^adam: options must be an object, not a Map\. Its options are /,
  ],
  [
    'update with a whole result',
    () => new Adam().update(linear, { value: x, gradients: linear } as never),
    /^adam: there is no gradient for weight\. Pass the gradients that valueAndGradient returned/,
  ],
  ['SGD, lr', () => new SGD({ learningRate: 1, dampening: 0.1 } as never), /^sgd has no option "dampening"/],
  [
    'RMSProp, rho',
    () => new RMSProp({ rho: 0.9 } as never),
    /^rmsprop has no option "rho"\. Its options are learningRate, /,
  ],
  ['mse, mean', () => mse(x, x, 'mean' as never), /^mse: options must be an object, not "mean"\. Its options are /],
  [
    'huber, beta',
    () => huber(x, x, { beta: 1 } as never),
    /^huber has no option "beta"\. Its options are delta, reduction$/,
  ],
  [
    'loadState, strict',
    () => loadState(linear, state, false as never),
    /^loadState: options must be an object, not false\. Its options are /,
  ],
  ['Flatten, 1', () => new Flatten(1 as never), /^Flatten: options must be an object, not 1\. Its options are /],
  ['exponential, gamma', () => exponential({ rate: 1, gamma: 0.9 } as never), /^exponential has no option "gamma"/],
  ['BinaryConv2d, size', () => new BinaryConv2d(4, 4, { rng, size: 3 } as never), /^BinaryConv2d has no option "size"/],
  [
    'createMoBiNet, depth',
    () => createMoBiNet({ depth: 3 } as never),
    /^mobinet has no option "depth"\. Its options are/,
  ],
  // Out of range.
  ['Adam', () => new Adam({ learningRate: Number.NaN }), /^adam: learningRate must be a number from 0 .* not NaN$/],
  ['Adam, betas', () => new Adam({ betas: [0.9, 1] }), /^adam: betas\[1\] must be a number from 0 to below 1, not 1$/],
  ['Adam, epsilon', () => new Adam({ epsilon: 0 }), /^adam: epsilon must be/],
  ['Adam, decay', () => new Adam({ weightDecay: -1 }), /^adam: weightDecay must be/],
  ['SGD, momentum', () => new SGD({ learningRate: 1, momentum: 1.5 }), /^sgd: momentum must be .* not 1\.5$/],
  ['Bop', () => new Bop({ adaptivity: 2 }), /^bop: adaptivity must be a number from 0 to 1, not 2$/],
  ['RMSProp', () => new RMSProp({ alpha: 1 }), /^rmsprop: alpha must be a number from 0 to below 1, not 1$/],
  ['huber', () => huber(x, x, { delta: -1 }), /^huber: delta must be a number above 0, .* not -1$/],
  [
    'ignoreIndex',
    () => crossEntropy(x, labels, { ignoreIndex: 0.5 }),
    /^crossEntropy: ignoreIndex must be a whole number/,
  ],
  ['exponential', () => exponential({ rate: 1, factor: 0 }), /^exponential: factor must be a number above 0/],
  ['ReduceOnPlateau', () => new ReduceOnPlateau({ rate: 1, factor: 2 }), /^ReduceOnPlateau: factor must be .* not 2$/],
  ['stepDecay', () => stepDecay({ rate: 1, at: [0.5] }), /^stepDecay: at\[0\] must be a whole number/],
  [
    'smoothing',
    () => crossEntropy(x, labels, { labelSmoothing: 1.5 }),
    /labelSmoothing must be a number from 0 to 1, not 1\.5$/,
  ],
  ['a seed', () => Rng.fromSeed(1e300), /^seed must be a whole number/],
  ['normal', () => rng.normal([2], 0, -1), /^normal: standardDeviation must be a number of at least 0, not -1$/],
];

describe('public functions, with arguments of a wrong type or range', () => {
  test.each(calls)('%s throws a one-line error and leaks no memory', (_, run, message) => {
    const before = memory();
    let error: unknown;
    try {
      run();
    } catch (thrown) {
      error = thrown;
    }
    const [line, ...pointer] = String((error as Error | undefined)?.message).split('\n');
    expect(line).toMatch(message);
    // Some messages lead to the page of help in a second line.
    if (pointer.length > 0) expect(pointer).toEqual([expect.stringMatching(/^See docs\/help\.md#[\w-]+$/)]);
    expect(memory().bytes - before.bytes).toBeLessThan(100);
  });

  test('loadPacked rejects its promise', async () => {
    await expect(loadPacked(wrong)).rejects.toThrow('the model must be a path or a URL, not undefined');
  });

  test('an update checks its learning rate before it changes anything', () => {
    const optimizer = new Adam();
    const weight = new Parameter(ones([1]) as Tensor);
    optimizer.learningRate = Number.NaN;
    expect(() => optimizer.update({ weight }, { weight: ones([1]) })).toThrow(/^adam: learningRate must be/);
    expect([optimizer.step, ...weight.values]).toEqual([0, 1]);
  });
});
