import { cpSync } from 'node:fs';
import { join } from 'node:path';
import {
  Conv2d,
  crossEntropy,
  distillationLoss,
  flatten,
  GlobalAveragePool2d,
  Linear,
  PReLU,
  Sequential,
  valueAndGradient,
} from '@mobinet/autograd';
import { dispose, memory, Rng, slice, type Tensor, tensor } from '@mobinet/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { DataError } from '../data/errors.js';
import { cutBatch } from '../data/micro-batches.js';
import { decodeCheckpoint } from './checkpoint.js';
import { packedFile, writePacked } from './files.js';
import { contentsOf, free, sharedFolder, useOneThread } from './fixtures.test.helper.js';
import type { TrainingOptions } from './options.js';
import { newRun, type TrainingRun } from './run.js';
import { batches, checkpointOf, metricsOf, smallRuns, stepOf, withoutRates } from './small-run.test.helper.js';
import { batchGradients } from './step.js';
import { readTeacher, type Teacher } from './teacher.js';
import { train } from './train.js';

const folder = sharedFolder();
const { dataset, start, trainThrough } = await smallRuns(folder);
useOneThread();

describe('the loss with a teacher', () => {
  const network = (seed: number): Sequential => {
    const rng = Rng.fromSeed(seed);
    const layers = [new Conv2d(3, 8, { stride: 4, rng: rng.split(0) }), new PReLU(8), new GlobalAveragePool2d()];
    return new Sequential(...layers, new Linear(8, 3, { rng: rng.split(1) }));
  };
  const images = Rng.fromSeed(3).normal([7, 16, 16, 3]);
  const labels = tensor(Int32Array.of(0, 1, 2, 1, 0, 0, 2), { dtype: 'i32' });
  const settings = { weight: 0.7, temperature: 3 };

  test.each([1, 2, 4])('is the weighted sum over the whole batch, in %i micro-batches', async (microBatches) => {
    const [model, teacher] = [network(1), network(2)];
    const before = memory();
    const teacherLogits = teacher.forward(images);
    const expected = valueAndGradient((model: Sequential) => {
      const logits = model.forward(images);
      const ofLabels = crossEntropy(logits, labels, { labelSmoothing: 0.1 });
      return ofLabels.mul(0.3).add(distillationLoss(logits, teacherLogits, { temperature: 3 }).mul(0.7));
    })(model);
    const parts = cutBatch(7, { batchSize: 7, microBatches }).map(([from, to]) => ({
      index: 0,
      count: to - from,
      images: slice(images, [from], [to]),
      labels: slice(labels, [from], [to]),
      indices: Int32Array.from({ length: to - from }, (_, at) => from + at),
    }));
    const distillation = { ...settings, teacher };
    const found = (await batchGradients(model, { index: 0, parts }, { labelSmoothing: 0.1, distillation }))!;
    expect(found.loss.values[0]).toBeCloseTo(expected.value.values[0], 5);
    for (const [name, gradient] of flatten(expected.gradients)) {
      found.gradients.get(name)!.values.forEach((value, at) => {
        expect(value).toBeCloseTo(gradient.values[at], 5);
      });
    }
    dispose([teacherLogits, expected, found]);
    expect(memory()).toEqual(before);
    dispose([model, teacher]);
  });

  test('compares both networks on the same images', async () => {
    const model = network(1);
    const seen: Tensor[] = [];
    const teacher = {
      forward(images: Tensor): Tensor {
        seen.push(images);
        return model.forward(images);
      },
    };
    const indices = Int32Array.from({ length: 7 }, (_, at) => at);
    const part = { index: 0, count: 7, images: slice(images, [0], [7]), labels: slice(labels, [0], [7]), indices };
    const loss = { labelSmoothing: 0, distillation: { weight: 1, temperature: 2, teacher } };
    const found = (await batchGradients(model, { index: 0, parts: [part] }, loss))!;
    expect(seen).toEqual([part.images]);
    // A network has no distance from itself.
    expect(found.loss.values[0]).toBe(0);
    dispose([model, found]);
  });
});

describe('a run with a teacher', () => {
  const twin = join(folder, 'twin');
  const distillation = { weight: 0.6, temperature: 2 };
  const straight = join(folder, 'straight');
  let teacher: Teacher;

  beforeAll(async () => {
    const run = start({}, { precision: 'float' });
    await train(run, dataset, { out: twin, workers: 1 });
    await writePacked(run, join(twin, packedFile));
    free(run);
    teacher = await readTeacher(twin);
    await trainThrough(start({ distillation }), straight, { teacher });
  });

  test('records the teacher, learns from it, and ends with the same bits every time', async () => {
    const again = join(folder, 'again');
    const run = start({ distillation });
    const before = memory().tensors;
    await train(run, dataset, { out: again, workers: 1, teacher });
    // Only the moments of the optimizer are left.
    expect(memory().tensors).toBe(before + run.optimizer.state.tensors.size);
    expect(run.teacher).toEqual({ file: join(twin, packedFile), hash: teacher.hash });
    free(run);
    expect(contentsOf(await checkpointOf(again))).toEqual(contentsOf(await checkpointOf(straight)));
    const alone = join(folder, 'alone');
    await trainThrough(start(), alone);
    expect(withoutRates(await metricsOf(alone))).not.toEqual(withoutRates(await metricsOf(straight)));
  });

  test.each([2, batches, batches + 1])('ends with the same bits after an interruption at step %i', async (stop) => {
    const out = join(folder, `interrupted-${stop}`);
    const controller = new AbortController();
    const onStep = (report: { epoch: number; images: number }): void => {
      if (stepOf(report) === stop) controller.abort();
    };
    const run = start({ distillation });
    const { signal } = controller;
    expect(await train(run, dataset, { out, workers: 1, teacher, signal, onStep })).toMatchObject({ finished: false });
    free(run);
    // The checkpoint that the packed file was made from is the same teacher.
    const same = await readTeacher(join(twin, 'checkpoint.safetensors'));
    expect(same.hash).toBe(teacher.hash);
    await trainThrough(decodeCheckpoint(await checkpointOf(out)), out, { teacher: same });
    same.model.dispose();
    expect(contentsOf(await checkpointOf(out))).toEqual(contentsOf(await checkpointOf(straight)));
  });

  test('is refused without its teacher or with another, and a teacher without settings', async () => {
    const out = join(folder, 'refused');
    cpSync(straight, out, { recursive: true });
    const run = decodeCheckpoint(await checkpointOf(straight));
    await expect(train(run, dataset, { out })).rejects.toThrow(/^the run learns from a teacher, but was given none\./);
    const other = await readTeacher(straight);
    await expect(train(run, dataset, { out, teacher: other })).rejects.toThrow(
      /straight is not the network that the run has learned from so far\. Restore it, or start a new run/,
    );
    free(run);
    const plain = start();
    await expect(train(plain, dataset, { out: join(folder, 'plain'), teacher })).rejects.toThrow(
      /was given the teacher .*, but its training options have no distillation$/,
    );
    free(plain);
    other.model.dispose();
  });

  const misfits: [what: string, start: () => TrainingRun, message: RegExp][] = [
    ['of another number of classes', () => startWith({}, ['a', 'b']), /it has 2 classes, but the images have 3$/],
    [
      'of other classes',
      () => startWith({}, [...dataset.classes].reverse()),
      /its classes are not those of the images: their order differs: class 1 is /,
    ],
    [
      'of larger images',
      () => startWith({}, dataset.classes, 64),
      /its images have shape \[64,64,3\], but those of the run \[32,32,3\]\. Train it with --size 32$/,
    ],
    [
      'of other colors',
      () => startWith({ normalization: { mean: [0, 0, 0], std: [1, 1, 1] } }, dataset.classes),
      /it was trained with another mean and standard deviation of colors$/,
    ],
  ];

  function startWith(changes: Partial<TrainingOptions>, classes: readonly string[], imageSize = 32): TrainingRun {
    const { training } = start(changes);
    return newRun({ width: 0.0625, k: 1, imageSize }, training, { classes, trainImages: 1 });
  }

  test.each(misfits)('is refused with a teacher %s', async (what, startTeacher, message) => {
    const file = join(folder, `${what}.safetensors`);
    const other = startTeacher();
    await writePacked(other, file);
    free(other);
    const misfit = await readTeacher(file);
    const run = start({ distillation });
    const error = await train(run, dataset, { out: join(folder, 'misfit'), teacher: misfit }).catch((error) => error);
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(/^the teacher .*\.safetensors does not fit the run: /);
    expect(error.message).toMatch(message);
    free(run);
    misfit.model.dispose();
  });
});
