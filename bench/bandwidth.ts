import {
  add,
  clip,
  cos,
  dispose,
  dropout,
  elu,
  embedding,
  erf,
  exp,
  expm1,
  gelu,
  groupNorm,
  hardSwish,
  interpolate,
  keep,
  layerNorm,
  leakyRelu,
  log,
  log1p,
  mul,
  pow,
  type RecordedCall,
  Rng,
  relu,
  reshape,
  sigmoid,
  silu,
  sin,
  softplus,
  sqrt,
  type Tensor,
  tan,
  tanh,
  tensor,
  withRecorder,
  zeros,
} from '@mobinet/tensor';
import { f32x4, forRange, i32, Kernel, memoize, store } from '@mobinet/tensor/kernels';
import { making, onThreads, type Section } from './section.js';

// Passes over memory, against a plain copy: what they take beyond moving their bytes.

/** Sizes of a tensor: 256 KiB, of which several fit into a second-level cache, and 16 MiB. */
const sizes = { '256 KiB': 2 ** 16, '16 MiB': 2 ** 22 } as const;

/** Columns of a row that is normalized, or of an embedding. */
const features = 512;
/** Rows of a table of embeddings. */
const vocabulary = 10_000;

interface Pass {
  /** Tensors of the benchmark's size that it reads and writes. */
  readonly moved: number;
  /** Makes the operands, and a function that makes the results. */
  prepare(size: number, rng: Rng): () => Tensor;
}

/** An operation on one tensor. */
const forward = (f: (x: Tensor) => Tensor): Pass => ({
  moved: 2,
  prepare(size, rng) {
    const x = rng.normal([size]);
    return () => f(x);
  },
});

/** An operation on two tensors. The first one is positive, as powers need it. */
const forwardOfTwo = (f: (a: Tensor, b: Tensor) => Tensor): Pass => ({
  moved: 3,
  prepare(size, rng) {
    const [a, b] = [rng.uniform([size], 0.5, 2), rng.normal([size])];
    return () => f(a, b);
  },
});

/** The gradient with respect to x, by a rule that reads x or the result. */
const backward = (f: (x: Tensor) => Tensor, moved = 3): Pass => ({
  moved,
  prepare(size, rng) {
    const gradient = gradientOf(f, rng.normal([size]));
    return () => gradient()[0];
  },
});

/** Calls f, and returns a function that computes the gradients of all its inputs for a random gradient of its result. */
function gradientOf(f: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]): () => Tensor[] {
  let last: RecordedCall | undefined;
  const record = (call: RecordedCall): void => {
    if (!call.gradient) return;
    dispose(last?.saved ?? []);
    // The function frees all but its result when it returns.
    last = { ...call, saved: call.saved.map((tensor) => keep(reshape(tensor as Tensor, tensor.shape))) };
  };
  const y = withRecorder({ record }, () => f(...inputs));
  const { gradient, saved } = last!;
  const dy = Rng.fromSeed(2).normal(y.shape);
  return () => gradient!(dy, saved).flatMap((rule) => (rule ? [rule()] : []));
}

/** Functions of one tensor whose gradient is one kernel: both are measured. */
const activations = {
  relu,
  leakyRelu: (x: Tensor) => leakyRelu(x, 0.1),
  clip: (x: Tensor) => clip(x, -1, 1),
  sigmoid,
  tanh,
  silu,
  gelu,
  'gelu by tanh': (x: Tensor) => gelu(x, { approximate: 'tanh' }),
  softplus: (x: Tensor) => softplus(x),
  elu: (x: Tensor) => elu(x),
  hardSwish,
} as const;

/** Functions of one tensor whose gradients are made of other operations. */
const functions = { exp, expm1, sqrt, log, log1p, sin, cos, tan, erf } as const;

/** Functions of two tensors. */
const functionsOfTwo = {
  add: (a: Tensor, b: Tensor) => add(a, b),
  mul: (a: Tensor, b: Tensor) => mul(a, b),
  pow: (a: Tensor, b: Tensor) => pow(a, b),
} as const;

/** Images that are enlarged to twice their height and width, or reduced to half of them, of 32 channels or 3. */
const resizings = {
  enlarged: { scale: 2, channels: 32 },
  reduced: { scale: 0.5, channels: 32 },
  'enlarged, 3 channels': { scale: 2, channels: 3 },
  'reduced, 3 channels': { scale: 0.5, channels: 3 },
} as const;

/** The operations. */
const passes: Readonly<Record<string, Pass>> = {
  ...Object.fromEntries(
    Object.entries(activations).flatMap(([name, f]) => [
      [name, forward(f)],
      [`${name}, gradient`, backward(f)],
    ]),
  ),
  ...Object.fromEntries(Object.entries(functions).map(([name, f]) => [name, forward(f)])),
  ...Object.fromEntries(Object.entries(functionsOfTwo).map(([name, f]) => [name, forwardOfTwo(f)])),
  ...Object.fromEntries(
    (['nearest', 'bilinear'] as const).flatMap((mode) =>
      Object.entries(resizings).flatMap(([name, images]) => [
        [`interpolate, ${mode}, ${name}`, resizing(mode, images, false)],
        [`interpolate, ${mode}, ${name}, gradient`, resizing(mode, images, true)],
      ]),
    ),
  ),
  ...Object.fromEntries(
    [0.1, 0.5].flatMap((rate) => {
      const rng = Rng.fromSeed(3);
      const drop = (x: Tensor): Tensor => dropout(x, { rate, rng });
      return [
        [`dropout ${rate}`, forward(drop)],
        [`dropout ${rate}, gradient`, backward(drop, 2)],
      ];
    }),
  ),
  layerNorm: normalization((x, gamma, beta) => layerNorm(x, gamma, beta), false, features),
  'layerNorm, gradients': normalization((x, gamma, beta) => layerNorm(x, gamma, beta), true, features),
  groupNorm: normalization((x, gamma, beta) => groupNorm(x, 32, gamma, beta), false, 128),
  'groupNorm, gradients': normalization((x, gamma, beta) => groupNorm(x, 32, gamma, beta), true, 128),
  embedding: {
    moved: 2,
    prepare(size, rng) {
      const [weight, indices] = [rng.normal([vocabulary, features]), indicesFor(size, rng)];
      return () => embedding(weight, indices);
    },
  },
  'embedding, gradient': {
    // Reads dy and writes the gradient of the table; the rows that are added to are read, too.
    moved: 3,
    prepare(size, rng) {
      const indices = indicesFor(size, rng);
      const gradient = gradientOf((weight) => embedding(weight, indices), rng.normal([size / features, features]));
      return () => gradient()[0];
    },
  },
};

/** The larger one of both images has the benchmark's size. */
function resizing(
  mode: 'nearest' | 'bilinear',
  { scale, channels }: { readonly scale: number; readonly channels: number },
  isBackward: boolean,
): Pass {
  return {
    // One image is a quarter of the other. Both together are as large as two operands of the other passes.
    moved: 2.5,
    prepare(size, rng) {
      const side = scale > 1 ? 16 : 32;
      const x = rng.normal([Math.round((2 * size) / (32 * 32 * channels)), side, side, channels]);
      const resize = (x: Tensor): Tensor => interpolate(x, { scale, mode });
      if (!isBackward) return () => resize(x);
      const gradient = gradientOf(resize, x);
      return () => gradient()[0];
    },
  };
}

/** Every row of a table of `size` elements is looked up once, on average. */
function indicesFor(size: number, rng: Rng): Tensor<'i32'> {
  const count = size / features;
  return tensor(
    Array.from({ length: count }, () => rng.integer(Math.min(vocabulary, count))),
    { dtype: 'i32' },
  );
}

/** x is [images, 8 · 8 pixels, channels]. All three gradients are computed. */
function normalization(
  f: (x: Tensor, gamma: Tensor, beta: Tensor) => Tensor,
  isBackward: boolean,
  channels: number,
): Pass {
  return {
    moved: isBackward ? 3 : 2,
    prepare(size, rng) {
      const x = rng.normal([size / (64 * channels), 64, channels]);
      const [gamma, beta] = [rng.normal([channels]), rng.normal([channels])];
      const gradients = isBackward ? gradientOf(f as () => Tensor, x, gamma, beta) : null;
      return () => {
        if (!gradients) return f(x, gamma, beta);
        const [dx, ...others] = gradients();
        dispose(others);
        return dx;
      };
    },
  };
}

/** Copies `items` blocks of 256 bytes. */
const copyKernel = new Kernel('bytes_copy', { x: i32, y: i32 }, ({ x, y }, from, to) => {
  const [source, target] = [x, y].map((at) => i32.variable(at.add(from.shl(8)), 'at'));
  forRange(from, to, 1, () => {
    for (let at = 0; at < 256; at += 16) store(target, f32x4.load(source, at), at);
    for (const at of [source, target]) at.set(at.add(256));
  });
});

/** What is copied, and where to. All passes share them, since operands live until the program ends. */
const copiedOf = memoize((elements: number) => ({ x: zeros([elements]), y: zeros([elements]) }));

export const bandwidth: Section<'op' | 'copy'> = {
  title: 'bandwidth',
  note:
    'tensors of 256 KiB or 16 MiB; "copy" moves as many bytes as the operation reads and writes, half of them each, ' +
    'with a loop of vectors. Both on one thread, into recycled memory.',
  benchmarks: Object.entries(passes).flatMap(([name, pass]) =>
    Object.entries(sizes).map(([megabytes, size]) => ({
      name: `${name}, ${megabytes}`,
      multiplyAdds: 0,
      bytes: 4 * pass.moved * size,
      contenders() {
        const run = pass.prepare(size, Rng.fromSeed(1));
        const elements = (pass.moved * size) / 2;
        const { x, y } = copiedOf(elements);
        return {
          op: onThreads(1, making(run)),
          copy: onThreads(1, { run: () => copyKernel.run({ x, y }, elements / 64) }),
        };
      },
    })),
  ),
  ratios: [{ name: 'of the rate of a copy', fast: 'op', slow: 'copy', target: 1 / 1.5 }],
};
