import { fc, test } from '@fast-check/vitest';
import {
  BatchNorm2d,
  Conv2d,
  Linear,
  Module,
  noGradient,
  Parameter,
  Pool2d,
  PReLU,
  ReLU,
  Sequential,
} from '@mobinet/autograd';
import { BinaryConv2d, inferenceRules } from '@mobinet/bnn';
import {
  add,
  avgPool2d,
  compile,
  concat,
  maxPool2d,
  mean,
  memory,
  mul,
  Rng,
  relu,
  reshape,
  slice,
  type Tensor,
  tidy,
  transpose,
  zeros,
} from '@mobinet/tensor';
import type { Program } from '@mobinet/tensor/kernels';
import { withKernels } from '@mobinet/tensor/testing';
import * as ort from 'onnxruntime-web';
import { describe, expect } from 'vitest';
import { summary } from '../summary/summary.js';
import { trainALittle } from './networks.test.helper.js';
import { exportOnnx } from './onnx.js';
import { packModel } from './pack.js';
import { unpackModel } from './packed-model.js';

// Networks that the library has never seen: whatever a `forward` does with layers can be compiled, and exported to ONNX.

ort.env.wasm.numThreads = 1;

interface Block {
  readonly conv: 'binary' | 'float';
  readonly kernel: 1 | 3;
  readonly stride: 1 | 2;
  readonly groups: 1 | 4;
  readonly dilation: 1 | 2;
  readonly paddingValue: 'zero' | 'one';
  /** Whether the convolution sees its input moved by a learned threshold, as in ReActNet (Liu et al., 2020). */
  readonly moves: boolean;
  readonly order: 'norm first' | 'activation first';
  readonly activation: 'prelu' | 'rprelu' | 'relu' | 'none';
  /** What is added, or put beside: where shapes agree, the block's input; else a pooled one, or none. */
  readonly join: 'add' | 'add before the activation' | 'concat' | 'none';
  readonly pool: 'max' | 'average' | 'none';
}

const blocks = fc.array(
  fc.record<Block>({
    conv: fc.constantFrom('binary', 'binary', 'float'),
    kernel: fc.constantFrom(1, 3),
    stride: fc.constantFrom(1, 1, 2),
    groups: fc.constantFrom(1, 4),
    dilation: fc.constantFrom(1, 1, 2),
    paddingValue: fc.constantFrom('zero', 'one'),
    moves: fc.boolean(),
    order: fc.constantFrom('norm first', 'activation first'),
    activation: fc.constantFrom('prelu', 'rprelu', 'relu', 'none'),
    join: fc.constantFrom('add', 'add before the activation', 'concat', 'none'),
    pool: fc.constantFrom('none', 'none', 'max', 'average'),
  }),
  { minLength: 1, maxLength: 4 },
);

const channels = 8;

/** Adds a learned number to each channel. */
class Shift extends Module {
  readonly offset: Parameter;

  constructor(rng: Rng) {
    super();
    this.offset = new Parameter(rng.normal([channels]));
  }

  override forward(x: Tensor): Tensor {
    return add(x, this.offset);
  }
}

const activations: Record<Block['activation'], (rng: Rng) => Module> = {
  prelu: () => new PReLU(channels),
  rprelu: (rng) => new Sequential(new Shift(rng.split('before')), new PReLU(channels), new Shift(rng.split('after'))),
  relu: () => new ReLU(),
  none: () => new Sequential(),
};

class AnyBlock extends Module {
  readonly move: Module;
  readonly conv: BinaryConv2d | Conv2d;
  readonly norm: BatchNorm2d;
  readonly activation: Module;
  readonly shrink: Pool2d | null;
  readonly reduce: Conv2d | null;
  readonly #block: Block;

  constructor(block: Block, rng: Rng) {
    super();
    const { kernel, stride, groups, dilation, paddingValue } = block;
    const shape = { kernel, stride, groups, dilation, rng };
    this.move = block.moves ? new Shift(rng.split('move')) : new Sequential();
    this.conv =
      block.conv === 'binary'
        ? new BinaryConv2d(channels, channels, { ...shape, paddingValue })
        : new Conv2d(channels, channels, { ...shape, padding: (dilation * (kernel - 1)) / 2 });
    this.norm = new BatchNorm2d(channels);
    this.activation = activations[block.activation](rng);
    this.shrink = stride === 2 && block.join !== 'none' ? new Pool2d('average', 2) : null;
    this.reduce = block.join === 'concat' ? new Conv2d(2 * channels, channels, { kernel: 1, rng }) : null;
    this.#block = block;
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => {
      const { order, join, pool } = this.#block;
      const beside = this.shrink ? this.shrink.forward(x) : x;
      let y = this.conv.forward(this.move.forward(x));
      if (order === 'norm first') y = this.norm.forward(y);
      if (join === 'add before the activation') y = add(y, beside);
      y = this.activation.forward(y);
      if (order === 'activation first') y = this.norm.forward(y);
      if (join === 'add') y = add(y, beside);
      if (this.reduce) y = this.reduce.forward(concat([y, beside], -1));
      if (pool === 'max') return maxPool2d(y, { window: 3, stride: 1, padding: 1 });
      return pool === 'average' ? avgPool2d(y, { window: [1, 3], stride: 1, padding: [0, 1] }) : y;
    });
  }
}

/** A stem, any blocks, and two branches to the logits: the mean of all pixels, and the pixels themselves. */
class AnyNetwork extends Module {
  readonly stem: Conv2d;
  readonly blocks: readonly AnyBlock[];
  readonly ofMeans: Linear;
  readonly ofPixels: Linear;

  constructor(blocks: readonly Block[], size: number, seed: number) {
    super();
    const rng = Rng.fromSeed(seed);
    this.stem = new Conv2d(3, channels, { kernel: 3, padding: 1, rng });
    this.blocks = blocks.map((block, at) => new AnyBlock(block, rng.split('block', at)));
    const side = blocks.reduce((side, { stride }) => side / stride, size);
    this.ofMeans = new Linear(channels, 5, { rng });
    this.ofPixels = new Linear(side * side * channels, 5, { rng });
    this.label();
  }

  override forward(images: Tensor): Tensor {
    return tidy(() => {
      const x = this.blocks.reduce((x, block) => block.forward(x), this.stem.forward(images));
      return add(
        this.ofMeans.forward(mean(x, { axes: [1, 2] })),
        this.ofPixels.forward(reshape(x, [images.shape[0], -1])),
      );
    });
  }
}

const size = 16;
const imageShape = [size, size, 3] as const;

/** The ops which alone read what a binary convolution, or a pass over its counts, makes, though that pass might have done them. */
function unfused({ calls, outputs }: Program): string[] {
  const ops = calls.flatMap((call) => (call.kind === 'op' ? call : []));
  const isPass = /^(bitConv2d|outputTransform)$/;
  const isStep = /^(scaleCounts|affine|prelu|relu|add|packBits)$/;
  return ops
    .filter(({ op }) => isPass.test(op.name))
    .flatMap(({ outputs: [made] }) => {
      const readers = calls.filter(({ inputs }) => inputs.includes(made));
      const [reader] = readers;
      if (readers.length !== 1 || outputs.includes(made) || reader.kind !== 'op') return [];
      return isStep.test(reader.op.name) ? reader.op.name : [];
    });
}

describe('any network', () => {
  test.prop([blocks, fc.nat()], { numRuns: 60 })(
    'is a program that gives its logits, bit for bit, on either kernel tier',
    (blocks, seed) => {
      const before = memory();
      tidy(() => {
        const network = new AnyNetwork(blocks, size, seed);
        const images = Rng.fromSeed(seed).split('images').normal([2, size, size, 3]);
        // Batch norms that have seen something.
        network.train().forward(images);
        network.eval();
        for (const tier of ['fast', 'reference'] as const) {
          // Constants are calculated by the kernels of the tier, too.
          withKernels(tier, () => {
            const ready = compile((x) => network.forward(x as Tensor), [images], { rules: inferenceRules });
            const [made, expected] = [ready.run([images])[0] as Tensor, network.forward(images)];
            expect([...made.values]).toEqual([...expected.values]);
            expect(unfused(ready.program)).toEqual([]);
            ready.dispose();
          });
        }
      });
      expect(memory()).toEqual(before);
    },
  );

  test.prop([blocks, fc.nat()], { numRuns: 40 })(
    'is trained a step and packed, and loaded gives its logits, bit for bit',
    (blocks, seed) => {
      const before = memory();
      tidy(() => {
        const network = new AnyNetwork(blocks, size, seed);
        const images = Rng.fromSeed(seed).split('images').normal([3, size, size, 3]);
        trainALittle(network, Rng.fromSeed(seed), 1);
        const bytes = packModel(network, { imageShape });
        expect(summary(network, { imageShape }).savedBytes).toBe(bytes.length);
        const packed = unpackModel(bytes);
        network.eval();
        // One file runs batches of any size.
        for (const batch of [1, 3]) {
          const some = slice(images, [0], [batch]);
          expect([...packed.forward(some).values]).toEqual([...network.forward(some).values]);
        }
        packed.dispose();
      });
      expect(memory()).toEqual(before);
    },
  );

  // Always the same: one network in some hundreds has a sign that is 0 but for rounding, and then all may differ.
  test.prop([blocks, fc.nat()], { numRuns: 12, seed: 1 })(
    'gives the same logits in onnxruntime',
    async (blocks, seed) => {
      const network = new AnyNetwork(blocks, size, seed);
      const images = Rng.fromSeed(seed).split('images').normal([2, size, size, 3]);
      const { onnx, ours, values } = tidy(() => {
        network.train().forward(images);
        const onnx = exportOnnx(network, { imageShape });
        const ours = noGradient(() => [...network.eval().forward(images).values]);
        return { onnx, ours, values: transpose(images, [0, 3, 1, 2]).values.slice() };
      });
      const session = await ort.InferenceSession.create(onnx, { executionProviders: ['wasm'] });
      const { logits } = await session.run({ images: new ort.Tensor('float32', values, [2, 3, size, size]) });
      await session.release();
      const largest = Math.max(...ours.map(Math.abs));
      ours.forEach((logit, at) => {
        expect(Math.abs(logit - Number(logits.data[at]))).toBeLessThan(1e-4 * largest);
      });
      network.dispose();
      images.dispose();
    },
  );

  test('names the op that ONNX has no operator for, and the shape that it lacks', () => {
    class Sorted extends Module {
      override forward(x: Tensor): Tensor {
        return mean(transpose(x, [0, 2, 1, 3]), { axes: [1, 2] });
      }
    }
    expect(() => exportOnnx(new Sorted(), { imageShape: [4, 4, 3] })).toThrow(
      'layer.0: ONNX export knows no operator for transpose',
    );
    expect(() => exportOnnx(new Sorted())).toThrow(
      'exportOnnx: name the shape of an image, such as imageShape: [32, 32, 3]',
    );
  });

  const image = { imageShape: [4, 4, 3] } as const;
  const cases: [
    what: string,
    forward: (x: Tensor) => unknown,
    options: { imageShape?: readonly number[] },
    message: RegExp,
  ][] = [
    [
      'a promise',
      async (x) => mean(x, { axes: [1, 2] }),
      image,
      /result 0 of the function must be a tensor, not a Promise/,
    ],
    ['nothing', () => undefined, image, /result 0 of the function must be a tensor, not undefined/],
    ['a constant', () => zeros([1, 3]), image, /packModel: what the network gives does not depend on the images/],
    [
      'images',
      (x) => relu(x),
      image,
      /packModel: its result is f32 \[1, 4, 4, 3\], but must be f32 \[batch, classes\]/,
    ],
    [
      'what other images do',
      (x) => add(mean(x, { axes: [1, 2] }), mean(x, { axes: [0, 1, 2] })),
      image,
      /mixes the images of a batch/,
    ],
    [
      'a branch for batches',
      (x) => mean(x.shape[0] > 1 ? relu(x) : x, { axes: [1, 2] }),
      image,
      /depends on how many images it is given/,
    ],
    [
      'elements',
      (x) => mul(mean(x, { axes: [1, 2] }), x.values[0]),
      image,
      /a tensor without memory has no elements to read/,
    ],
    [
      'half a pixel',
      (x) => mean(x, { axes: [1, 2] }),
      { imageShape: [4, 3.5, 3] },
      /packModel: a size of an image must be a whole number/,
    ],
    [
      'two axes',
      (x) => mean(x, { axes: [1, 2] }),
      { imageShape: [4, 4] },
      /must be \[height, width, channels\], not \[4,4\]/,
    ],
    [
      'an image of 2 GB',
      (x) => mean(relu(concat([x, x], -1)), { axes: [1, 2] }),
      { imageShape: [16_000, 16_000, 3] },
      /bytes on its way through/,
    ],
  ];

  test.each(cases)('that gives %s is refused before there is a file, in one line', (_, forward, options, message) => {
    class Odd extends Module {
      override forward = forward as (x: Tensor) => Tensor;
    }
    const before = memory();
    expect(() => packModel(new Odd(), options)).toThrow(message);
    expect(memory()).toEqual(before);
  });

  test('keeps the mode of each of its modules, whoever looks at it', () => {
    const network = new AnyNetwork([], size, 1);
    network.train();
    network.stem.training = false;
    summary(network, { imageShape });
    packModel(network, { imageShape });
    expect([network.training, network.stem.training, network.ofMeans.training]).toEqual([true, false, true]);
    network.dispose();
  });
});
