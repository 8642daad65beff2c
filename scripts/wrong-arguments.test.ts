import * as autograd from '@mobinet/autograd';
import * as bnn from '@mobinet/bnn';
import * as tensors from '@mobinet/tensor';
import { packBits, Rng, type Shape, sigmoid, softmax, tensor } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { operationNotes } from './lib/operation-notes.js';
import { faultsOf } from './lib/wrong-arguments.js';

const rng = () => Rng.fromSeed(0);
const f = (...shape: Shape) => rng().normal(shape);
const i32 = (...values: number[]) => tensor(values, { dtype: 'i32' });
const bits = (...shape: Shape) => packBits(f(...shape));
const images = () => f(2, 5, 4, 3);
const positive = (...shape: Shape) => tensors.exp(f(...shape));
const batchNorm = () => ({ gamma: f(3), beta: f(3), mean: f(3), variance: positive(3), epsilon: 1e-3 });
const window = { stride: 1, padding: 1, dilation: 1, groups: 1 };
const pool = () => [images(), { window: 2, stride: 1, padding: 'same', ceilMode: false }];
const reduction = { axes: 1, keepDims: true };
const linear = () => new autograd.Linear(2, 3, { rng: rng() });

type Calls = Readonly<Record<string, () => readonly unknown[]>>;

const each = (names: string, args: () => readonly unknown[]): Calls =>
  Object.fromEntries(names.split(' ').map((name) => [name, args]));

/** Right arguments of every function that computes something. */
const functionCalls: Calls = {
  ...each('abs ceil cos erf exp expm1 floor hardSwish isFinite isNaN log log1p logicalNot neg packBits relu', () => [
    f(2, 3),
  ]),
  ...each('round sigmoid sign silu sin sqrt square tan tanh trunc unique', () => [f(2, 3)]),
  ...each('add div equal greater greaterEqual less lessEqual logicalAnd logicalOr logicalXor', () => [f(2, 3), f(3)]),
  ...each('maximum minimum mod mul notEqual pow sub', () => [f(2, 3), f(3)]),
  ...each('all any logSumExp max min mean prod sum', () => [f(2, 3), reduction]),
  ...each('std variance', () => [f(2, 3), { ...reduction, correction: 1 }]),
  ...each('argMax argMin cumprod cumsum logSoftmax softmax flip squeeze', () => [f(1, 3), 0]),
  ...each('argsort sort', () => [f(2, 3), { axis: 0, descending: true }]),
  ...each('avgPool2d maxPool2d minPool2d', pool),
  ...each('clamp clip', () => [f(3), -1, 1]),
  ...each('diag tril triu', () => [f(3, 3), { offset: 1 }]),
  ...each('broadcastTo expand', () => [f(3), [2, 3]]),
  affine: () => [f(2, 3), f(3), f(3)],
  batchNorm: () => [images(), f(3), f(3), { epsilon: 1e-3 }],
  batchNormEval: () => [images(), batchNorm()],
  bitConv2d: () => [bits(2, 5, 4, 3), bits(4, 3, 3, 3), { ...window, paddingValue: 'one', dtype: 'i16' }],
  bitMatmul: () => [bits(2, 3), bits(4, 3)],
  cast: () => [f(3), 'i32'],
  concat: () => [[f(2, 3), f(1, 3)], 0],
  conv1d: () => [f(2, 5, 3), f(4, 2, 3), window],
  conv2d: () => [images(), f(4, 2, 2, 3), window],
  convTranspose2d: () => [images(), f(3, 2, 2, 4), { ...window, stride: 2, outputPadding: 1 }],
  dot: () => [f(3), f(3)],
  dropout: () => [f(3), { rate: 0.5, rng: rng() }],
  einsum: () => ['ij,jk->ik', f(2, 3), f(3, 2)],
  elu: () => [f(3), { alpha: 0.5 }],
  embedding: () => [f(4, 3), i32(0, 3)],
  foldBatchNorm: () => [batchNorm()],
  gather: () => [f(4, 3), i32(0, 2), 1],
  gelu: () => [f(3), { approximate: 'tanh' }],
  groupNorm: () => [images(), 3, f(3), f(3), { epsilon: 1e-3 }],
  interpolate: () => [images(), { scale: 2, mode: 'bilinear', alignCorners: true }],
  layerNorm: () => [f(2, 3), f(3), f(3), { epsilon: 1e-3, normalizedShape: [3] }],
  leakyRelu: () => [f(3), 0.1],
  matmul: () => [f(2, 3), f(2, 3), { transposeA: true, transposeB: false }],
  norm: () => [f(2, 3), { ...reduction, p: 1 }],
  outer: () => [f(3), f(2)],
  pad: () => [
    f(2, 3),
    [
      [1, 0],
      [0, 1],
    ],
    { mode: 'constant', value: 2 },
  ],
  prelu: () => [f(2, 3), f(3)],
  repeat: () => [f(2, 3), [1, 2], 0],
  reshape: () => [f(2, 3), [3, 2]],
  roll: () => [f(2, 3), [1, 2], [0, 1]],
  scatterAdd: () => [f(2, 3), i32(0, 1), 4, 0],
  slice: () => [f(2, 3), [0, 1], [1, 2]],
  softplus: () => [f(3), { beta: 2, threshold: 10 }],
  split: () => [f(4, 3), [1, 3], 0],
  stack: () => [[f(3), f(3)], 0],
  sumTo: () => [f(2, 3), [3]],
  tile: () => [f(2, 3), [2, 1]],
  topK: () => [f(2, 3), 2, { axis: 1, largest: false }],
  transpose: () => [f(2, 3), [1, 0]],
  unpackBits: () => [bits(2, 3)],
  unsqueeze: () => [f(3), 0],
  where: () => [tensor([1, 0, 1], { dtype: 'u8' }), f(3), f(3)],
  // Tensors from numbers.
  ...each('ones zeros', () => [[2], 'f32']),
  arange: () => [0, 5, 1, 'i32'],
  eye: () => [3],
  full: () => [[2], 1, 'f32'],
  linspace: () => [0, 1, 5],
  oneHot: () => [i32(0, 1), 3],
  scalar: () => [1, 'f32'],
  tensor: () => [[1, 2], { dtype: 'i32', shape: [2] }],
  // Losses, and what belongs to training.
  binaryCrossEntropyWithLogits: () => [f(2, 3), sigmoid(f(2, 3)), { positiveWeight: f(3), reduction: 'none' }],
  crossEntropy: () => [f(2, 3), i32(0, 2), { labelSmoothing: 0.1, weight: f(3), ignoreIndex: 1, reduction: 'none' }],
  distillationLoss: () => [f(2, 3), f(2, 3), { temperature: 2 }],
  huber: () => [f(2, 3), f(2, 3), { reduction: 'sum', delta: 2 }],
  klDivergence: () => [f(2, 3), softmax(f(2, 3)), { logTarget: false, reduction: 'sum' }],
  ...each('l1 mse', () => [f(2, 3), f(2, 3), { reduction: 'sum' }]),
  ...each('kaimingNormal kaimingUniform xavierNormal xavierUniform', () => [rng(), [2, 3]]),
  customGradient: () => ['identity', () => 0],
  // Binary networks.
  binarizeWeights: () => [f(4, 3)],
  binaryConv2d: () => [
    images(),
    f(4, 3, 3, 3),
    { ...window, estimator: 'clip', scalingGradient: 'detached', paddingValue: 'one' },
  ],
  binarySegment: () => [
    images(),
    f(3, 3, 3, 3),
    { gamma: f(3), beta: f(3), slope: f(3) },
    { ...window, estimator: 'clip', scalingGradient: 'detached', skipRepeats: 1, epsilon: 1e-3 },
  ],
  latentNormal: () => [rng(), [2, 3]],
  signWithEstimator: () => [f(2, 3), 'clip'],
  stopGradient: () => [f(3)],
};

/** Gradient ops, whose attributes come from the ops that they belong to. */
const internal = 'bitConv2dFilterGradient bitConv2dInputGradient conv2dFilterGradient conv2dInputGradient'.split(' ');

/** Right arguments of the constructors, and what `forward` then takes. */
const layerCalls: Readonly<
  Record<string, readonly [args: () => readonly unknown[], input: () => tensors.Tensor | tensors.Tensor<'i32'>]>
> = {
  BatchNorm2d: [() => [3, { epsilon: 1e-3, momentum: 0.1, gamma: 1 }], images],
  Conv2d: [() => [3, 4, { ...window, kernel: 3, bias: true, rng: rng() }], images],
  BinaryConv2d: [
    () => [3, 4, { ...window, kernel: 3, estimator: 'clip', scalingGradient: 'detached', rng: rng() }],
    images,
  ],
  BinaryLinear: [() => [3, 2, { estimator: 'clip', scalingGradient: 'detached', rng: rng() }], () => f(2, 3)],
  ConvTranspose2d: [
    () => [3, 4, { ...window, stride: 2, outputPadding: 1, kernel: 3, bias: true, rng: rng() }],
    images,
  ],
  Dropout: [() => [0.5, { rng: rng() }], () => f(2, 3)],
  Embedding: [() => [3, 4, { rng: rng() }], () => i32(0, 2)],
  Flatten: [() => [{ startAxis: 1, endAxis: -1 }], images],
  GELU: [() => [{ approximate: 'tanh' }], images],
  GlobalAveragePool2d: [() => [], images],
  GroupNorm: [() => [1, 3, { epsilon: 1e-3, affine: true }], images],
  Identity: [() => [], images],
  LayerNorm: [() => [[4, 3], { epsilon: 1e-3, affine: true }], images],
  Linear: [() => [3, 2, { bias: true, rng: rng() }], () => f(2, 3)],
  PReLU: [() => [3, 0.2], images],
  Pool2d: [() => ['max', 2], images],
  RPReLU: [() => [3, { zeta: true }], images],
  ReLU: [() => [], images],
  Sequential: [() => [new autograd.ReLU(), linear()], () => f(4, 2)],
  SiLU: [() => [], images],
  Sigmoid: [() => [], images],
  Tanh: [() => [], images],
  Upsample: [() => [{ scale: 2, mode: 'bilinear', alignCorners: true }], images],
};

/** The function that speaks for `forward`, unless it has the name of the layer but for capital letters. */
const functionOfLayer: Readonly<Record<string, string>> = {
  BatchNorm2d: 'batchNorm',
  Linear: 'matmul',
  Pool2d: 'maxPool2d',
  Sequential: 'relu|matmul',
  Upsample: 'interpolate',
};

const api = { ...tensors, ...autograd, ...bnn } as Readonly<Record<string, unknown>>;
const functionNamed = (name: string) => api[name] as (...args: never[]) => unknown;
const classNamed = (name: string) =>
  api[name] as new (
    ...args: readonly unknown[]
  ) => autograd.Module<[x: tensors.Tensor | tensors.Tensor<'i32'>]>;

/** The constructors of optimizers, and their own options. */
const optimizers = {
  SGD: { momentum: 0.5, nesterov: true },
  Adam: { betas: [0.9, 0.99], epsilon: 1e-6 },
  AdamW: { betas: [0.9, 0.99], epsilon: 1e-6 },
  RMSProp: { alpha: 0.9, epsilon: 1e-6, momentum: 0.5, centered: true },
  Bop: { threshold: 1e-6, adaptivity: 1e-3, betas: [0.9, 0.99], epsilon: 1e-6 },
};

const sharedOptions = () => ({
  learningRate: 0.1,
  weightDecay: 0.1,
  decays: () => true,
  groups: [{ matches: () => true, learningRateFactor: 2, weightDecay: 0 }],
});

describe('wrong arguments', () => {
  test.each(Object.entries(optimizers))('of %s, its updates and its state are refused in its name', (name, own) => {
    const options = { ...sharedOptions(), ...own };
    const make = (given: unknown) => new (api[name] as new (options: unknown) => autograd.SGD)(given);
    const withGroup = (group: object) => make({ ...options, groups: [group] }).dispose();
    expect(
      faultsOf(
        name,
        (given) => make(given).dispose(),
        () => [options],
      ),
    ).toEqual([]);
    expect(faultsOf(name, withGroup, () => options.groups)).toEqual([]);
    using optimizer = make(options);
    expect(
      faultsOf(
        name,
        (state) => optimizer.load(state),
        () => [{ step: 1, tensors: new Map() }],
      ),
    ).toEqual([]);
    const weight = { weight: f(3) };
    // An update keeps the tensors of its state, so the first one is right.
    optimizer.update(weight, { weight: f(3) });
    expect(
      faultsOf(
        name,
        (gradients) => optimizer.update(weight, gradients),
        () => [{ weight: f(3) }],
      ),
    ).toEqual([]);
  });

  test('are tried on every operation', () => {
    const missing = Object.keys(operationNotes).filter((name) => !(name in functionCalls) && !internal.includes(name));
    expect(missing).toEqual([]);
  });

  test.each(Object.entries(functionCalls))(
    'of %s are refused in its own words, and leave nothing behind',
    (name, args) => {
      // An alias speaks of the function that it is.
      expect(faultsOf(name === 'clamp' ? 'clip' : name, functionNamed(name), args)).toEqual([]);
    },
  );

  test.each(Object.entries(machinery))('of %s are refused as well', (name, call) => {
    const [what] = name.split(',');
    expect(faultsOf(ownersOfMachinery[what] ?? what, call, () => [0])).toEqual([]);
  });

  test.each(Object.entries(layerCalls))(
    'of the layer %s, too, and so are those of its forward',
    (name, [args, input]) => {
      const Layer = classNamed(name);
      const make = (...given: readonly unknown[]) => new Layer(...given).dispose();
      expect(faultsOf(name, make, args)).toEqual([]);
      const layer = new Layer(...args());
      expect(
        faultsOf(
          functionOfLayer[name] ?? name,
          (x: tensors.Tensor) => layer.forward(x),
          () => [input()],
        ),
      ).toEqual([]);
      layer.dispose();
    },
  );
});

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

const identity = (made: object) => (x: tensors.Tensor) =>
  autograd.gradient((x: tensors.Tensor) => {
    const forward = (x: tensors.Tensor) => ({
      output: tensors.mul(x, 1),
      saved: [],
      gradient: (dy: tensors.Tensor) => [() => dy],
      ...made,
    });
    return tensors.sum(autograd.customGradient('identity', forward)(x));
  })(x);

/** What is called with functions, tensors and states rather than with operands and options, one argument at a time. */
const machinery: Readonly<Record<string, (wrong: never) => unknown>> = {
  'assign, target': (wrong) => tensors.assign(wrong, f(3)),
  'assign, source': (wrong) => tensors.assign(f(3), wrong),
  bitTensor: (wrong) => tensors.bitTensor(wrong, [2]),
  'checkGradient, f': (wrong) => tensors.checkGradient(wrong, [f(3)]),
  'checkGradient, inputs': (wrong) => tensors.checkGradient(() => f(), wrong),
  'compile, f': (wrong) => tensors.compile(wrong, [{ dtype: 'f32', shape: [2] }]),
  'compile, inputs': (wrong) => tensors.compile((x) => x, wrong),
  'compile, options': (wrong) => tensors.compile((x) => x, [{ dtype: 'f32', shape: [2] }], wrong),
  fromNdarray: (wrong) => tensors.fromNdarray(wrong),
  noGradient: (wrong) => autograd.noGradient(wrong),
  profile: (wrong) => tensors.profile(wrong),
  run: (wrong) => {
    const program = tensors.compile((x) => x, [{ dtype: 'f32', shape: [2] }]);
    try {
      return program.run(wrong);
    } finally {
      program.dispose();
    }
  },
  tidy: (wrong) => tensors.tidy(wrong),
  withRecorder: (wrong) => tensors.withRecorder(null, wrong),
  withoutMemory: (wrong) => tensors.withoutMemory(wrong),
  'customGradient, what forward returns': (wrong) =>
    autograd.customGradient('identity', (_x: tensors.Tensor) => wrong)(f(3)),
  'customGradient, output': (output) => identity({ output })(f(3)),
  'customGradient, saved': (saved) => identity({ saved })(f(3)),
  'customGradient, gradient': (gradient) => identity({ gradient })(f(3)),
  'customGradient, what gradient returns': (wrong) => identity({ gradient: () => wrong })(f(3)),
  'customGradient, a gradient': (wrong) => identity({ gradient: () => [wrong] })(f(3)),
  'customGradient, what a gradient returns': (wrong) => identity({ gradient: () => [() => wrong] })(f(3)),
  ReduceOnPlateau: (wrong) => new autograd.ReduceOnPlateau({ rate: 1 }).load(wrong),
  saveState: (wrong) => autograd.saveState(wrong),
  loadState: (wrong) => autograd.loadState(linear(), wrong),
};

/** How messages about these begin, unless with the name itself. */
const ownersOfMachinery: Readonly<Record<string, string>> = {
  // The name that was given to it. What it returns goes to `sum`, and the sum is differentiated.
  customGradient: '(the gradient rule of )?identity|sum|a differentiated function|the loss',
  loadState: 'loadState|a safetensors file',
  run: 'run|program',
};

/** The options that are booleans. */
const switchesOf = (args: readonly unknown[]): string[] =>
  args.filter(isRecord).flatMap((options) => Object.keys(options).filter((key) => typeof options[key] === 'boolean'));

test.each(['globalNorm', 'clipByGlobalNorm', 'clipByValue'])('%s needs gradients', (name) => {
  for (const wrong of [undefined, null, 5, 'gradients']) {
    expect(() => functionNamed(name)(wrong as never, 1 as never)).toThrow(`${name}: needs gradients`);
  }
});

describe('switches', () => {
  const makers = Object.entries(layerCalls).map(([name, [args]]) => {
    const make = (...given: readonly unknown[]) => new (classNamed(name))(...given);
    return [name, make, args] as const;
  });
  const functions = Object.entries(functionCalls).map(([name, args]) => [name, functionNamed(name), args] as const);
  const withSwitches = [...makers, ...functions].filter(([, , args]) => switchesOf(args()).length > 0);

  test.each(withSwitches)('of %s are true or false, not truthy or falsy', (name, f, args) => {
    for (const key of switchesOf(args())) {
      for (const wrong of ['false', 0, 1, null]) {
        const given = args().map((arg) => (isRecord(arg) ? { ...arg, [key]: wrong } : arg));
        const call = () => (f as (...args: readonly unknown[]) => unknown)(...given);
        expect(call).toThrow(
          `${name}: ${key} must be one of true, false, not ${wrong === 'false' ? '"false"' : wrong}`,
        );
      }
    }
  });
});

const tensorsIn = (value: unknown): number =>
  value instanceof tensors.Tensor || value instanceof tensors.BitTensor
    ? 1
    : Object.values(value ?? {}).reduce((count: number, part: unknown) => count + tensorsIn(part), 0);

describe('right arguments', () => {
  test.each(Object.entries(functionCalls))('of %s leave its result alone in memory', (name, args) => {
    const given = args() as never[];
    const before = tensors.memory().tensors;
    const result = functionNamed(name)(...given);
    expect(tensors.memory().tensors - before).toBe(tensorsIn(result));
    tensors.dispose([result, given]);
  });

  test.each(Object.entries(layerCalls))('of %s leave its result alone in memory', (name, [args, input]) => {
    const layer = new (classNamed(name))(...args());
    const x = input();
    for (const training of [true, false]) {
      if (training) layer.train();
      else layer.eval();
      const before = tensors.memory().tensors;
      const y = layer.forward(x);
      expect(tensors.memory().tensors - before).toBe(1);
      y.dispose();
      expect(x.disposed).toBe(false);
    }
    layer.dispose();
  });
});
