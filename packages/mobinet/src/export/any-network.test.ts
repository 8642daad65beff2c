import { fc, test } from '@fast-check/vitest';
import { Module, noGradient } from '@mobinet/autograd';
import { inferenceRules } from '@mobinet/bnn';
import {
  add,
  avgPool2d,
  compile,
  concat,
  maxPool2d,
  mean,
  memory,
  minPool2d,
  mul,
  Rng,
  relu,
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
import { AnyNetwork, blocks } from './any-network.test.helper.js';
import { trainALittle } from './networks.test.helper.js';
import { exportOnnx } from './onnx.js';
import { packModel } from './pack.js';
import { unpackModel } from './packed-model.js';

// Random networks that no library code knows: whatever a `forward` does with layers can be compiled, packed and
// exported to ONNX.

ort.env.wasm.numThreads = 1;

const size = 16;
const imageShape = [size, size, 3] as const;

/**
 * Ops that should have been fused: each is the only reader of a binary convolution or of an output transform, and could
 * be part of it.
 */
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
    'compiles to a program with the same logits, bit for bit, on either kernel tier',
    (blocks, seed) => {
      const before = memory();
      tidy(() => {
        const network = new AnyNetwork(blocks, size, seed);
        const images = Rng.fromSeed(seed).split('images').normal([2, size, size, 3]);
        // A forward pass in training mode gives the batch norms running statistics.
        network.train().forward(images);
        network.eval();
        for (const tier of ['fast', 'reference'] as const) {
          // Compiles within the tier, too, since compilation computes constants.
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
    'gives the same logits, bit for bit, after a training step, packing and loading',
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

  // A fixed seed: in one of several hundred networks, a sign depends on rounding, and then all logits may differ.
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

  test.each([
    ['avgPool2d', avgPool2d],
    ['maxPool2d', maxPool2d],
    ['minPool2d', minPool2d],
  ] as const)('with %s in ceil mode gives the same logits in onnxruntime', async (_, pool) => {
    class Pooled extends Module {
      override forward(x: Tensor): Tensor {
        return mean(pool(x, { window: [3, 4], stride: [4, 5], padding: 1, ceilMode: true }), { axes: [1, 2] });
      }
    }
    const network = new Pooled();
    const images = Rng.fromSeed(5).normal([2, size, size, 3]);
    const ours = noGradient(() => network.forward(images).values);
    const session = await ort.InferenceSession.create(exportOnnx(network, { imageShape }), {
      executionProviders: ['wasm'],
    });
    const values = transpose(images, [0, 3, 1, 2]).values.slice();
    const { logits } = await session.run({ images: new ort.Tensor('float32', values, [2, 3, size, size]) });
    await session.release();
    ours.forEach((logit, at) => {
      expect(Number(logits.data[at])).toBeCloseTo(logit, 5);
    });
  });

  test('that ONNX export does not support gets an error that names the op or asks for the image shape', () => {
    class Transposed extends Module {
      override forward(x: Tensor): Tensor {
        return mean(transpose(x, [0, 2, 1, 3]), { axes: [1, 2] });
      }
    }
    expect(() => exportOnnx(new Transposed(), { imageShape: [4, 4, 3] })).toThrow(
      'layer.0: ONNX export does not support transpose',
    );
    expect(() => exportOnnx(new Transposed())).toThrow(
      'exportOnnx: pass the shape of an image, such as imageShape: [32, 32, 3]',
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
    ['a constant', () => zeros([1, 3]), image, /packModel: the output does not depend on the images/],
    [
      'images',
      (x) => relu(x),
      image,
      /packModel: the output is f32 \[1, 4, 4, 3\], but must be f32 \[batch, classes\]/,
    ],
    [
      'a mean over the batch',
      (x) => add(mean(x, { axes: [1, 2] }), mean(x, { axes: [0, 1, 2] })),
      image,
      /do not support ops that mix the images of a batch/,
    ],
    [
      'a window beyond the image',
      (x) => mean(maxPool2d(x, { window: 3, ceilMode: true }), { axes: [1, 2] }),
      image,
      /packed files do not support this padding of a window, or ceilMode/,
    ],
    [
      'a branch on the batch size',
      (x) => mean(x.shape[0] > 1 ? relu(x) : x, { axes: [1, 2] }),
      image,
      /packModel: forward does different things for different batch sizes/,
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
      /packModel: imageShape\[1\] must be a whole number/,
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
      /one image needs \d+ bytes of memory/,
    ],
  ];

  test.each(cases)('that cannot be packed is refused in one line: %s', (_, forward, options, message) => {
    class Odd extends Module {
      override forward = forward as (x: Tensor) => Tensor;
    }
    const before = memory();
    expect(() => packModel(new Odd(), options)).toThrow(message);
    expect(memory()).toEqual(before);
  });

  test('keeps the mode of each of its modules when it is traced', () => {
    const network = new AnyNetwork([], size, 1);
    network.train();
    network.stem.training = false;
    summary(network, { imageShape });
    packModel(network, { imageShape });
    expect([network.training, network.stem.training, network.meanHead.training]).toEqual([true, false, true]);
    network.dispose();
  });
});
