import { fc, test } from '@fast-check/vitest';
import { BatchNorm2d, Conv2d, Linear, Module, noGradient, Pool2d, PReLU, ReLU } from '@mobinet/autograd';
import { BinaryConv2d, inferenceRules } from '@mobinet/bnn';
import { add, compile, concat, mean, memory, Rng, reshape, slice, type Tensor, tidy, transpose } from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import * as ort from 'onnxruntime-web';
import { describe, expect } from 'vitest';
import { exportOnnx } from './onnx.js';
import { packNetwork, unpackNetwork } from './packed-network.js';

// Networks that the library has never seen: whatever a `forward` does with layers can be compiled, and exported to ONNX.

ort.env.wasm.numThreads = 1;

interface Block {
  readonly conv: 'binary' | 'float';
  readonly kernel: 1 | 3;
  readonly stride: 1 | 2;
  readonly groups: 1 | 4;
  readonly paddingValue: 'zero' | 'one';
  readonly order: 'norm first' | 'activation first';
  readonly activation: 'prelu' | 'relu' | 'none';
  /** What is added, or put beside: where shapes agree, the block's input; else a pooled one, or none. */
  readonly join: 'add' | 'concat' | 'none';
}

const blocks = fc.array(
  fc.record<Block>({
    conv: fc.constantFrom('binary', 'binary', 'float'),
    kernel: fc.constantFrom(1, 3),
    stride: fc.constantFrom(1, 1, 2),
    groups: fc.constantFrom(1, 4),
    paddingValue: fc.constantFrom('zero', 'one'),
    order: fc.constantFrom('norm first', 'activation first'),
    activation: fc.constantFrom('prelu', 'relu', 'none'),
    join: fc.constantFrom('add', 'concat', 'none'),
  }),
  { minLength: 1, maxLength: 4 },
);

const channels = 8;

class AnyBlock extends Module {
  readonly conv: BinaryConv2d | Conv2d;
  readonly norm: BatchNorm2d;
  readonly activation: PReLU | ReLU | null;
  readonly shrink: Pool2d | null;
  readonly reduce: Conv2d | null;
  readonly #block: Block;

  constructor(block: Block, rng: Rng) {
    super();
    const { kernel, stride, groups, paddingValue } = block;
    const shape = { kernel, stride, groups, rng };
    this.conv =
      block.conv === 'binary'
        ? new BinaryConv2d(channels, channels, { ...shape, paddingValue })
        : new Conv2d(channels, channels, { ...shape, padding: (kernel - 1) / 2 });
    this.norm = new BatchNorm2d(channels);
    this.activation =
      block.activation === 'none' ? null : block.activation === 'prelu' ? new PReLU(channels) : new ReLU();
    this.shrink = stride === 2 && block.join !== 'none' ? new Pool2d('average', 2) : null;
    this.reduce = block.join === 'concat' ? new Conv2d(2 * channels, channels, { kernel: 1, rng }) : null;
    this.#block = block;
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => {
      let y = this.conv.forward(x);
      if (this.#block.order === 'norm first') y = this.norm.forward(y);
      if (this.activation) y = this.activation.forward(y);
      if (this.#block.order === 'activation first') y = this.norm.forward(y);
      const beside = this.shrink ? this.shrink.forward(x) : x;
      if (this.#block.join === 'add') y = add(y, beside);
      return this.reduce ? this.reduce.forward(concat([y, beside], -1)) : y;
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
            ready.dispose();
          });
        }
      });
      expect(memory()).toEqual(before);
    },
  );

  test.prop([blocks, fc.nat()], { numRuns: 40 })(
    'is packed, and loaded gives its logits, bit for bit',
    (blocks, seed) => {
      const before = memory();
      tidy(() => {
        const network = new AnyNetwork(blocks, size, seed);
        const images = Rng.fromSeed(seed).split('images').normal([3, size, size, 3]);
        network.train().forward(images);
        const packed = unpackNetwork(packNetwork(network, { imageShape: [size, size, 3] }));
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
        const onnx = exportOnnx(network, { imageShape: [size, size, 3] });
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
        return transpose(x, [0, 2, 1, 3]);
      }
    }
    expect(() => exportOnnx(new Sorted(), { imageShape: [4, 4, 3] })).toThrow(
      'layer.0: ONNX export knows no operator for transpose',
    );
    expect(() => exportOnnx(new Sorted())).toThrow(
      'exportOnnx: name the shape of an image, such as imageShape: [32, 32, 3]',
    );
  });
});
