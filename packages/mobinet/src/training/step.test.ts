import {
  Adam,
  Conv2d,
  crossEntropy,
  flatten,
  GlobalAveragePool2d,
  Linear,
  type Module,
  PReLU,
  Sequential,
  valueAndGradient,
} from '@mobinet/autograd';
import {
  dispose,
  log,
  memory,
  mul,
  Rng,
  setThreads,
  slice,
  softmax,
  startProfile,
  sum,
  type Tensor,
  tensor,
  threadCount,
} from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { cutBatch } from '../data/micro-batches.js';
import { createMoBiNet, type MoBiNet } from '../networks/mobinet/mobinet.js';
import type { MoBiNetOptions } from '../networks/mobinet/options.js';
import { modelTensors } from '../networks/tensors.js';
import { batchGradients } from './step.js';

const small = { width: 0.25, imageSize: 32, classes: 3 } as const;
const labels = tensor(Int32Array.of(0, 1, 2, 1), { dtype: 'i32' });

const imagesOf = (step: number): Tensor => Rng.fromSeed(1).split(step).normal([4, 32, 32, 3]);

const lossAndGradient = valueAndGradient((model: MoBiNet, images: Tensor) =>
  crossEntropy(model.forward(images), labels, { labelSmoothing: 0.1 }),
);

describe('a training step', () => {
  const threads = threadCount();
  afterAll(() => setThreads(threads));

  test('gives the same bits on any number of threads', async () => {
    const hex = ({ values }: Tensor): string => Buffer.from(values.slice().buffer).toString('hex');
    const bitsOf = (tensors: Iterable<[string, Tensor]>) => Array.from(tensors, ([name, x]) => [name, hex(x)]);
    /**
     * Everything that two steps compute: losses, gradients, and the final parameters, running statistics and moments.
     */
    const trainTwice = () => {
      const [model, optimizer] = [createMoBiNet(small), new Adam({ learningRate: 0.01 })];
      const steps = [0, 1].map((step) => {
        const images = imagesOf(step);
        const { value, gradients } = lossAndGradient(model, images);
        optimizer.update(model, gradients);
        const made = [hex(value), bitsOf(flatten(gradients))];
        dispose([images, value, gradients]);
        return made;
      });
      const all = { steps, model: bitsOf(modelTensors(model)), moments: bitsOf(optimizer.state.tensors) };
      model.dispose();
      optimizer.dispose();
      return all;
    };

    await setThreads(1);
    const alone = trainTwice();
    for (const threads of [2, 3]) {
      await setThreads(threads);
      // Threads join once they have compiled the kernels, which happens during the first run.
      for (const time of ['first', 'second']) {
        expect(trainTwice(), `${threads} threads, ${time} time`).toEqual(alone);
      }
    }
  });

  const variants: Partial<MoBiNetOptions>[] = [
    {},
    { block: 'pre', padding: 'zero', estimator: 'clip', k: 2 },
    { block: 'none', activation: 'relu', scalingGradient: 'detached' },
    { block: 'post', estimator: 'identity', scalingGradient: 'xnor-net', k: 0 },
    { block: 'none', shift: 'learned', activation: 'rprelu' },
    { block: 'none', shift: 'learned', k: 1 },
    { precision: 'float' },
  ];

  test.each(variants)('agrees with the definitions up to rounding: %o', (variant) => {
    // If rounding flips the sign of an activation, gradients change. With this seed, none is that close to 0.
    const model = createMoBiNet({ ...small, ...variant, seed: 4 });
    const images = imagesOf(0);
    const [fast, reference] = (['fast', 'reference'] as const).map((tier) =>
      withKernels(tier, () => lossAndGradient(model, images)),
    );
    expect(fast.value.values[0]).toBeCloseTo(reference.value.values[0], 4);
    const expected = new Map(flatten(reference.gradients));
    const errors = flatten(fast.gradients).map(([name, gradient]) => ({
      name,
      error: relativeError(gradient.values, expected.get(name)!.values),
    }));
    expect(errors.map(({ name }) => name).sort()).toEqual([...model.parameters().keys()].sort());
    // The comparison is negated so that it also finds NaN, the error of a gradient that is missing.
    expect(errors.filter(({ error }) => !(error < 1e-4))).toEqual([]);
    dispose([images, fast, reference]);
    model.dispose();
  });
});

describe('a batch in micro-batches', () => {
  const images = Rng.fromSeed(3).normal([7, 32, 32, 3]);
  const labels = tensor(Int32Array.of(0, 1, 2, 1, 0, 0, 2), { dtype: 'i32' });
  const smoothing = { labelSmoothing: 0.1 };
  const step = valueAndGradient((model: Module, images: Tensor, labels: Tensor<'i32'>) =>
    crossEntropy(model.forward(images), labels, smoothing),
  );

  /**
   * The batch, cut into the given ranges. An empty range stands for a micro-batch in which no image could be decoded.
   */
  function cutAt(places: readonly (readonly [from: number, to: number])[]) {
    const parts = places.map(([from, to]) =>
      from === to
        ? null
        : {
            index: 0,
            count: to - from,
            images: slice(images, [from], [to]),
            labels: slice(labels, [from], [to]),
            indices: Int32Array.from({ length: to - from }, (_, at) => from + at),
          },
    );
    return { index: 0, parts };
  }
  const piecesOf = (microBatches: number) => cutBatch(7, { batchSize: 7, microBatches });
  const bits = ({ values }: Tensor): string => Buffer.from(values.slice().buffer).toString('hex');

  test('gives the same bits as the whole batch if there is only one piece', async () => {
    const [model, other] = [createMoBiNet(small), createMoBiNet(small)];
    const whole = step(model, images, labels);
    const cut = (await batchGradients(other, cutAt(piecesOf(1)), smoothing))!;
    expect(bits(cut.loss)).toBe(bits(whole.value));
    expect(Array.from(cut.gradients, ([name, x]) => [name, bits(x)])).toEqual(
      flatten(whole.gradients).map(([name, x]) => [name, bits(x)]),
    );
    expect(Array.from(other.state(), ([, x]) => bits(x))).toEqual(Array.from(model.state(), ([, x]) => bits(x)));
    dispose([whole, cut]);
    model.dispose();
    other.dispose();
  });

  test.each([2, 4, 7])(
    'has the gradients of the whole batch up to rounding, without batch normalization: %i pieces',
    async (pieces) => {
      const rng = Rng.fromSeed(5);
      const layers = [new Conv2d(3, 8, { stride: 4, rng: rng.split(0) }), new PReLU(8), new GlobalAveragePool2d()];
      const model = new Sequential(...layers, new Linear(8, 3, { rng: rng.split(1) }));
      const whole = step(model, images, labels);
      const cut = (await batchGradients(model, cutAt(piecesOf(pieces)), smoothing))!;
      expect(cut.loss.values[0]).toBeCloseTo(whole.value.values[0], 6);
      for (const [name, gradient] of flatten(whole.gradients)) {
        expect(relativeError(cut.gradients.get(name)!.values, gradient.values), name).toBeLessThan(1e-5);
      }
      dispose([whole, cut]);
      model.dispose();
    },
  );

  test('averages over images, normalizes by micro-batch, and updates running statistics piece by piece', async () => {
    // Pieces of 3, 3 and 1 images, and an empty one.
    const places = [
      [0, 3],
      [3, 3],
      [3, 6],
      [6, 7],
    ] as const;
    const [model, other] = [createMoBiNet(small), createMoBiNet(small)];
    const before = memory();
    const cut = (await batchGradients(model, cutAt(places), smoothing))!;
    const expected = new Map(Array.from(cut.gradients, ([name, { size }]) => [name, new Float64Array(size)]));
    /** For each gradient, the sum of the largest elements of its pieces. The pieces of some nearly cancel each other. */
    const scales = new Map<string, number>();
    let loss = 0;
    for (const part of cutAt(places).parts) {
      if (!part) continue;
      const { value, gradients } = step(other, part.images, part.labels);
      loss += (value.values[0] * part.count) / 7;
      for (const [name, { values }] of flatten(gradients)) {
        const sum = expected.get(name)!;
        values.forEach((gradient, at) => {
          sum[at] += (gradient * part.count) / 7;
        });
        const largest = values.reduce((most, gradient) => Math.max(most, Math.abs(gradient)), 0);
        scales.set(name, (scales.get(name) ?? 0) + (largest * part.count) / 7);
      }
      dispose([part, value, gradients]);
    }
    expect(cut.loss.values[0]).toBeCloseTo(loss, 5);
    for (const [name, gradient] of cut.gradients) {
      const differences = Array.from(expected.get(name)!, (sum, at) => Math.abs(gradient.values[at] - sum));
      expect(Math.max(...differences) / scales.get(name)!, name).toBeLessThan(1e-4);
    }
    expect(Array.from(model.state(), ([, x]) => bits(x))).toEqual(Array.from(other.state(), ([, x]) => bits(x)));
    dispose(cut);
    expect(memory()).toEqual(before);
    model.dispose();
    other.dispose();
  });

  test('of mixed images has the loss and the gradients of mixed targets', async () => {
    const rng = Rng.fromSeed(5);
    const layers = [new Conv2d(3, 8, { stride: 4, rng: rng.split(0) }), new GlobalAveragePool2d()];
    const model = new Sequential(...layers, new Linear(8, 3, { rng: rng.split(1) }));
    const others = tensor(Int32Array.of(2, 2, 1, 0, 1, 0, 0), { dtype: 'i32' });
    // −Σ target · log softmax, where the target is a mixture of two smoothed labels.
    const target = Array.from(labels.values, (label, row) =>
      [0, 1, 2].map((c) => 0.9 * (0.7 * Number(c === label) + 0.3 * Number(c === others.values[row])) + 0.1 / 3),
    );
    const targets = tensor(target);
    const definition = valueAndGradient((model: Module) => {
      const shares = softmax(model.forward(images));
      return mul(sum(mul(targets, log(shares))), -1 / 7);
    })(model);
    const before = memory();
    const { parts } = cutAt(piecesOf(4));
    const mixed = parts.map((part, i) => {
      const [from, to] = piecesOf(4)[i];
      return part && { ...part, mixup: { share: 0.7, labels: slice(others, [from], [to]) } };
    });
    const found = (await batchGradients(model, { index: 0, parts: mixed }, smoothing))!;
    expect(found.loss.values[0]).toBeCloseTo(definition.value.values[0], 5);
    for (const [name, gradient] of flatten(definition.gradients)) {
      expect(relativeError(found.gradients.get(name)!.values, gradient.values), name).toBeLessThan(1e-5);
    }
    dispose(found);
    expect(memory()).toEqual(before);
    dispose([definition, targets, others]);
    model.dispose();
  });

  test('adds each gradient once per additional micro-batch', async () => {
    const model = createMoBiNet(small);
    const additions = async (microBatches: number): Promise<number> => {
      const end = startProfile();
      dispose(await batchGradients(model, cutAt(piecesOf(microBatches)), smoothing));
      return end().find(({ op }) => op === 'add')?.calls ?? 0;
    };
    const ofOne = await additions(1);
    // Both losses are added, too.
    expect(await additions(4)).toBe(4 * ofOne + 3 * (model.parameters().size + 2));
    model.dispose();
  });
});

/** The largest difference, relative to the largest element. */
function relativeError(found: Float32Array, exact: Float32Array): number {
  const scale = exact.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  return found.reduce((worst, value, at) => Math.max(worst, Math.abs(value - exact[at])), 0) / scale;
}
