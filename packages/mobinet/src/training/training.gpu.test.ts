import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Adam, crossEntropy, flatten, GlobalAveragePool2d, Linear, valueAndGradient } from '@mobinet/autograd';
import {
  assign,
  BackendError,
  type BackendName,
  dispose,
  gpuBufferCount,
  memory,
  Rng,
  type Tensor,
  tensor,
  toBackend,
  useBackend,
  withBackend,
} from '@mobinet/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { packModel } from '../export/pack.js';
import { unpackModel } from '../export/packed-model.js';
import { createMoBiNet, type MoBiNet } from '../networks/mobinet/mobinet.js';
import { modelTensors } from '../networks/tensors.js';
import { decodeCheckpoint, encodeCheckpoint, savedTensors } from './checkpoint.js';
import { distillationDefaults } from './distillation.js';
import { sharedFolder } from './fixtures.test.helper.js';
import { paperTraining } from './options.js';
import { disposeRun, newRun } from './run.js';
import { runOnHost } from './run-on-host.js';
import { microBatchGradients } from './step.js';
import { readTeacher } from './teacher.js';

// Compares training on a GPU, or on a software adapter, with training on the CPU.

const folder = sharedFolder();

/** Without extra convolutions, which use the same kernels as the others. */
const small = { width: 0.25, block: 'none', imageSize: 32, classes: 3 } as const;

const lossAndGradient = valueAndGradient((model: MoBiNet, images: Tensor, labels: Tensor<'i32'>) =>
  crossEntropy(model.forward(images), labels, { labelSmoothing: 0.1 }),
);

/** A network on a backend, to be trained step by step. */
function trainee(backend: BackendName) {
  const on = <T>(body: () => T): T => withBackend(backend, body);
  const { model, labels } = on(() => ({
    model: createMoBiNet(small),
    labels: tensor(Int32Array.of(0, 1, 2, 1), { dtype: 'i32' }),
  }));
  const optimizer = new Adam({ learningRate: 1e-3 });
  return {
    model,
    optimizer,
    /** The loss, and all gradients by name. */
    async step(number: number): Promise<{ loss: number; gradients: Map<string, Float32Array> }> {
      const { images, value, gradients } = on(() => {
        const images = Rng.fromSeed(1).split(number).normal([4, 32, 32, 3]);
        return { images, ...lossAndGradient(model, images, labels) };
      });
      const made = await Promise.all(flatten(gradients).map(async ([name, x]) => [name, await x.data()] as const));
      const loss = await value.item();
      on(() => optimizer.update(model, gradients));
      dispose([images, value, gradients]);
      return { loss, gradients: new Map(made) };
    },
    /** Copies the state of another trainee. */
    copyFrom(other: { model: MoBiNet; optimizer: Adam }): void {
      const own = modelTensors(model);
      for (const [name, source] of modelTensors(other.model)) assign(own.get(name)!, source);
      on(() => optimizer.load(other.optimizer.state));
    },
    dispose: () => dispose([model.parameters(), model.state(), labels, optimizer.state.tensors]),
  };
}

const largestOf = (values: Float32Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const largestDifference = (a: Float32Array, b: Float32Array): number => largestOf(a.map((value, at) => value - b[at]));

/** The outcome of a step on the GPU. */
interface StepOutcome {
  /** Whether it agrees with the step on the CPU. */
  readonly agrees: boolean;
  /** Memory use after the step. */
  readonly memory: ReturnType<typeof memory>;
  readonly buffers: number;
}

/** Trains on the CPU and on the GPU in parallel, and compares each step. */
async function trainOnBoth(steps: number): Promise<StepOutcome[]> {
  const [cpu, gpu] = [trainee('cpu'), trainee('webgpu')];
  const outcomes: StepOutcome[] = [];
  for (let number = 0; number < steps; number++) {
    // Each step starts from the state of the CPU. Otherwise both would agree only until rounding flips the sign of a
    // weight or an activation close to 0, which changes everything after it and can happen within a few steps.
    gpu.copyFrom(cpu);
    const [expected, made] = [await cpu.step(number), await gpu.step(number)];
    const lossAgrees = Math.abs(made.loss - expected.loss) < 1e-4;
    const gradientsAgree = Array.from(expected.gradients).every(
      ([name, gradient]) => largestDifference(gradient, made.gradients.get(name)!) <= 1e-3 * largestOf(gradient),
    );
    const gpuTensors = modelTensors(gpu.model);
    let [updates, differing] = [0, 0];
    for (const [name, trained] of modelTensors(cpu.model)) {
      const values = await gpuTensors.get(name)!.data();
      updates += values.length;
      // Adam takes full steps of 1e-3 even for gradients that are only rounding errors.
      differing += trained.values.filter((value, at) => Math.abs(value - values[at]) > 1e-5).length;
    }
    const agrees = lossAgrees && gradientsAgree && differing <= 0.01 * updates;
    outcomes.push({ agrees, memory: memory(), buffers: gpuBufferCount() });
  }
  for (const one of [cpu, gpu]) one.dispose();
  return outcomes;
}

describe('training on a GPU', () => {
  describe('five steps in a row', () => {
    let outcomes: StepOutcome[];

    beforeAll(async () => {
      outcomes = await trainOnBoth(5);
    }, 480_000);

    test('give the losses, gradients and updates of training on the CPU', () => {
      // Rounding may flip a sign in some steps. If a kernel were wrong, no step would agree.
      expect(outcomes.filter(({ agrees }) => agrees).length).toBeGreaterThanOrEqual(3);
    });

    test('leak no memory', () => {
      for (const { memory, buffers } of outcomes.slice(2)) {
        expect(memory).toEqual(outcomes[1].memory);
        expect(buffers).toBe(outcomes[1].buffers);
      }
    });
  });

  test('the first layers for two hundred steps leaks no memory and adds no buffer', async () => {
    const { network, images, labels } = withBackend('webgpu', () => {
      const { stem, units } = createMoBiNet(small);
      const classifier = new Linear(8, 3, { rng: Rng.fromSeed(0) });
      return {
        network: { stem, segment: units[0].depthwise, classifier },
        images: Rng.fromSeed(1).normal([2, 4, 4, 3]),
        labels: tensor(Int32Array.of(0, 2), { dtype: 'i32' }),
      };
    });
    const pool = new GlobalAveragePool2d();
    const optimizer = new Adam({ learningRate: 1e-3 });
    const lossAndGradient = valueAndGradient(({ stem, segment, classifier }: typeof network) =>
      crossEntropy(classifier.forward(pool.forward(segment.forward(stem.forward(images)))), labels),
    );
    const losses: number[] = [];
    const step = async () => {
      const { value, gradients } = withBackend('webgpu', () => lossAndGradient(network));
      withBackend('webgpu', () => optimizer.update(network, gradients));
      losses.push(await value.item());
      dispose([value, gradients]);
      return { memory: memory(), buffers: gpuBufferCount() };
    };
    for (let number = 0; number < 20; number++) await step();
    const early = await step();
    for (let number = 0; number < 200; number++) expect(await step()).toEqual(early);
    // The steps did train the network.
    expect(losses.at(-1)).toBeLessThan(losses[0] / 2);
    dispose([network, images, labels, optimizer.state.tensors]);
  }, 480_000);

  test('is saved through the CPU, and resumed on either backend', async () => {
    const training = { ...paperTraining, ema: 0.9 };
    const run = withBackend('webgpu', () => newRun(small, training, { classes: ['a', 'b', 'c'], trainImages: 4 }));
    run.average!.update(run.model);
    const onHost = await runOnHost(run);
    const bytes = encodeCheckpoint(onHost);
    const again = withBackend('webgpu', () => decodeCheckpoint(bytes, 'run'));
    const restored = savedTensors(again);
    for (const [name, saved] of savedTensors(onHost)) {
      expect(saved.backend).toBe('cpu');
      expect(await restored.get(name)!.data(), name).toEqual(saved.values);
    }
    expect(restored.has('average.classifier.weight')).toBe(true);
    for (const each of [run, onHost, again]) disposeRun(each);
  });

  const packed = [{ block: 'pre' }, { shift: 'learned', activation: 'rprelu' }] as const;

  test.each(packed)('gives a packed network with the same results as on the CPU: %o', async (options) => {
    const model = createMoBiNet({ ...small, ...options });
    const bytes = packModel(model);
    const [cpu, gpu] = (['cpu', 'webgpu'] as const).map((backend) => withBackend(backend, () => unpackModel(bytes)));
    const images = Rng.fromSeed(3).normal([2, 32, 32, 3]);
    const expected = cpu.forward(images).values;
    const logits = await withBackend('webgpu', () => gpu.forward(toBackend(images))).data();
    logits.forEach((logit, at) => {
      expect(Math.abs(logit - expected[at])).toBeLessThan(1e-3);
    });
    const image = { width: 32, height: 32, pixels: Uint8Array.from({ length: 3 * 32 * 32 }, (_, at) => at % 251) };
    const [best] = await withBackend('webgpu', () => gpu.predict([image], { top: 1 }));
    const [expectedBest] = await cpu.predict([image], { top: 1 });
    expect(best[0].name).toBe(expectedBest[0].name);
    for (const each of [model, cpu, gpu]) each.dispose();
  });

  test('with a teacher gives the loss and gradients of the CPU', async () => {
    const twin = createMoBiNet({ ...small, precision: 'float', seed: 2 });
    const bytes = packModel(twin);
    const [expected, found] = await Promise.all(
      (['cpu', 'webgpu'] as const).map(async (backend) => {
        const teacher = unpackModel(bytes);
        const { model, images, labels } = withBackend(backend, () => ({
          // The network has float weights, since rounding would flip signs.
          model: createMoBiNet({ ...small, precision: 'float' }),
          images: Rng.fromSeed(1).normal([4, 32, 32, 3]),
          labels: tensor(Int32Array.of(0, 1, 2, 1), { dtype: 'i32' }),
        }));
        const distillation = { ...distillationDefaults, teacher };
        const { loss, gradients } = withBackend(backend, () =>
          microBatchGradients(model, { images, labels, labelSmoothing: 0.1, distillation, weight: 1 }),
        );
        const made = Array.from(gradients, async ([name, x]) => [name, await x.data()] as const);
        const result = { loss: await loss.item(), gradients: await Promise.all(made) };
        dispose([images, labels, loss, gradients, model, teacher]);
        return result;
      }),
    );
    expect(found.loss).toBeCloseTo(expected.loss, 3);
    const onGpu = new Map(found.gradients);
    for (const [name, gradient] of expected.gradients) {
      expect(largestDifference(gradient, onGpu.get(name)!), name).toBeLessThanOrEqual(2e-3 * largestOf(gradient));
    }
    twin.dispose();
  });

  test('a teacher is read from a checkpoint while a GPU is in use', async () => {
    const data = { classes: ['a', 'b', 'c'], trainImages: 4 };
    const run = newRun({ ...small }, paperTraining, data);
    const file = join(folder, 'checkpoint.safetensors');
    await writeFile(file, encodeCheckpoint(run));
    await useBackend('webgpu');
    const onGpu = await readTeacher(file).finally(() => useBackend('cpu'));
    const onCpu = await readTeacher(file);
    expect(onGpu.hash).toBe(onCpu.hash);
    for (const { model } of [run, onGpu, onCpu]) model.dispose();
  });

  test('refuses images on another backend, and names both backends', () => {
    const model = withBackend('webgpu', () => createMoBiNet(small));
    const images = Rng.fromSeed(3).normal([1, 32, 32, 3]);
    expect(() => model.forward(images)).toThrow(BackendError);
    expect(() => model.forward(images)).toThrow(/on cpu.*on webgpu/);
    model.dispose();
  });
});
