import { join } from 'node:path';
import { memory, Rng } from '@mobinet/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { ImageLoader } from '../data/loader.js';
import { packModel } from '../export/pack.js';
import { modelTensors } from '../networks/tensors.js';
import { decodeCheckpoint, savedTensors } from './checkpoint.js';
import { evaluate } from './evaluate.js';
import { exportOptionsOf, readPackedBytes } from './files.js';
import { contentsOf, free, sharedFolder, useOneThread } from './fixtures.test.helper.js';
import type { TrainingRun } from './run.js';
import { checkpointOf, metricsOf, smallRuns, stepOf, withoutRates } from './small-run.test.helper.js';
import { train } from './train.js';

const folder = sharedFolder();
const { dataset, start, trainThrough } = await smallRuns(folder);
const [plain, averaged] = [join(folder, 'plain'), join(folder, 'averaged')];
const ema = 0.3;

/** The current values of the network in training, by name. */
const valuesOf = ({ model }: TrainingRun) =>
  new Map(Array.from(modelTensors(model), ([name, { values }]) => [name, values.slice()]));

/** The values of the network at the start and after each step of the run in `averaged`. */
const course: Map<string, Float32Array>[] = [];

useOneThread();
beforeAll(async () => {
  await trainThrough(start(), plain);
  const run = start({ ema });
  course.push(valuesOf(run));
  await trainThrough(run, averaged, { onStep: () => course.push(valuesOf(run)) });
});

/** The tensors of a saved run, as plain numbers. */
async function savedIn(out: string): Promise<Map<string, number[]>> {
  const run = decodeCheckpoint(await checkpointOf(out));
  const values = new Map(Array.from(savedTensors(run), ([name, { values }]) => [name, [...values]]));
  free(run);
  return values;
}

describe('a run that averages its weights', () => {
  test('keeps moving averages of all parameters and running statistics', async () => {
    const saved = await savedIn(averaged);
    const [first, ...steps] = course;
    expect(steps).toHaveLength(6);
    for (const name of first.keys()) {
      // (1 + t) / (10 + t) is below 0.3 in the first three steps.
      const expected = steps.reduce(
        (average, values, t) => {
          const kept = Math.min(ema, (1 + t) / (10 + t));
          return average.map((mean, i) => kept * mean + (1 - kept) * values.get(name)![i]);
        },
        [...first.get(name)!],
      );
      const found = saved.get(`average.${name}`)!;
      const scale = Math.max(1, ...expected.map(Math.abs));
      const errors = expected.map((mean, i) => Math.abs(found[i] - mean) / scale);
      expect(Math.max(...errors), name).toBeLessThan(1e-6);
    }
    expect([...saved.keys()].filter((name) => name.startsWith('average.'))).toHaveLength(first.size);
  });

  test('trains the same network as without, bit for bit', async () => {
    const [without, saved] = [await savedIn(plain), await savedIn(averaged)];
    expect(without.size).toBe(saved.size - course[0].size);
    for (const [name, values] of without) expect(saved.get(name), name).toEqual(values);
  });

  test('evaluates and packs the averages', async () => {
    const run = decodeCheckpoint(await checkpointOf(averaged));
    const { imageSize: size } = run.options;
    const { resize, normalization } = run.training;
    const rng = Rng.fromSeed(0);
    const loader = new ImageLoader(dataset.val, { batchSize: 10, size, resize, normalization, rng, workers: 1 });
    const [ofTrained, ofAverage] = [await evaluate(run.model, loader), await evaluate(run.average!.module, loader)];
    await loader.close();
    const { valLoss, top1 } = (await metricsOf(averaged))[1];
    expect({ valLoss, top1 }).toEqual({ valLoss: ofAverage.loss, top1: ofAverage.top1 });
    expect(ofTrained.loss).not.toBe(valLoss);
    const packed = packModel(run.average!.module, exportOptionsOf(run));
    const { bytes } = await readPackedBytes(join(averaged, 'checkpoint.safetensors'));
    expect(Buffer.from(bytes).equals(packed)).toBe(true);
    expect(Buffer.from(bytes).equals(packModel(run.model, exportOptionsOf(run)))).toBe(false);
    free(run);
  });

  test.each([
    ['in an epoch', { step: 2 }],
    ['in a validation', { validation: 1 }],
  ])('ends with the same bits if it is interrupted %s and resumed', async (where, stop) => {
    const before = memory();
    const out = join(folder, where.replaceAll(' ', '-'));
    const run = start({ ema });
    const controller = new AbortController();
    const { finished } = await train(run, dataset, {
      out,
      workers: 1,
      signal: controller.signal,
      onStep: (report) => {
        if ('step' in stop && stepOf(report) === stop.step) controller.abort();
      },
      onValidation: ({ epoch }) => {
        if ('validation' in stop && epoch === stop.validation) controller.abort();
      },
    });
    expect(finished).toBe(false);
    free(run);
    const resumed = decodeCheckpoint(await checkpointOf(out));
    expect(resumed.average!.updates).toBe(resumed.optimizer.step);
    await trainThrough(resumed, out);
    expect(memory()).toEqual(before);
    expect(contentsOf(await checkpointOf(out))).toEqual(contentsOf(await checkpointOf(averaged)));
    expect(withoutRates(await metricsOf(out))).toEqual(withoutRates(await metricsOf(averaged)));
  });
});
