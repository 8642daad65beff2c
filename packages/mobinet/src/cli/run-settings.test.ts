import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { mobinet } from '../networks/mobinet/network.js';
import { encodeCheckpoint } from '../training/checkpoint.js';
import { sharedFolder } from '../training/fixtures.test.helper.js';
import { paperTraining } from '../training/options.js';
import { type EpochMetrics, newRun, type TrainingRun } from '../training/run.js';
import { type RunFlags, resumeRun, tellChanges } from './run-settings.js';

const folder = sharedFolder();
const path = join(folder, 'checkpoint.safetensors');
const training = { ...paperTraining, batchSize: 8, schedule: 'cosine', learningRate: 0.125 } as const;

const metrics = (epoch: number, top1: number): EpochMetrics => ({
  ...{ epoch, top1, top5: null, trainLoss: 1, valLoss: 1, learningRate: 0.1, imagesPerSecond: 1, seconds: 1 },
});

/** Saves a run that has done so many epochs, the first of which was its best, and perhaps some batches. */
function save(changes: Partial<TrainingRun['training']>, epochs: number, batch = 0, preset?: string): void {
  const data = { classes: ['cat', 'dog'], trainImages: 24, preset };
  const run = newRun({ width: 0.0625, k: 1, imageSize: 32 }, { ...training, ...changes }, data);
  run.progress = { epoch: epochs, batch, lossSum: batch, images: 8 * batch, seconds: batch };
  for (let epoch = 1; epoch <= epochs; epoch++) run.history.push(metrics(epoch, 90 - epoch));
  writeFileSync(path, encodeCheckpoint(run));
  run.model.dispose();
}

let said = '';

beforeEach(() => {
  said = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += text;
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

/** The settings with which a run goes on. */
async function resumed(flags: RunFlags): Promise<TrainingRun['training']> {
  const resumed = await resumeRun(path, flags, mobinet);
  tellChanges(resumed);
  resumed.run.model.dispose();
  return resumed.run.training;
}

describe('a run of three epochs that has ended', () => {
  beforeAll(() => save({ epochs: 3 }, 3, 0, 'small'));

  test('goes on for more, and says what its learning rate will be', async () => {
    expect(await resumed({ epochs: 6 })).toEqual({ ...training, epochs: 6 });
    // Half of a cosine: half of the rate.
    expect(said).toBe(
      'the run goes on to epoch 6, not 3: from here on its learning rate is that of so many epochs (cosine), 0.0625 in the next step\n',
    );
  });

  test('says how it could go on', async () => {
    expect(await resumed({})).toEqual({ ...training, epochs: 3 });
    expect(said).toBe('all 3 epochs are done: with more --epochs it goes on\n');
  });

  test('does not go back', async () => {
    await expect(resumed({ epochs: 2 })).rejects.toThrow(`${path} is in epoch 3 already. Use at least --epochs 3`);
  });

  test('takes its own preset and settings, and no others', async () => {
    expect(await resumed({ preset: 'small', batch: 8, schedule: 'cosine', flip: true })).toEqual({
      ...training,
      epochs: 3,
    });
    const others: [RunFlags, RegExp][] = [
      [{ preset: 'imagenet' }, /was started with the preset small, .*Leave out --preset imagenet$/],
      [{ lr: 0.5 }, /its learningRate is 0\.125\. Only --epochs, --patience and --micro-batches may be others$/],
      [{ flip: false }, /its augment is /],
      [{ cropPadding: 3 }, /its augment is /],
      [{ batch: 16, epochs: 9 }, /its batchSize is 8/],
      [{ size: 64 }, /its imageSize is 32, not 64/],
      [{ seed: 1 }, /its seed is 0/],
    ];
    for (const [flags, message] of others) await expect(resumed(flags)).rejects.toThrow(message);
    expect(said).toBe('all 3 epochs are done: with more --epochs it goes on\n');
  });
});

describe('a run in its third epoch', () => {
  beforeAll(() => save({ epochs: 9 }, 2, 1));

  test('may end with that, but no sooner', async () => {
    expect((await resumed({ epochs: 3 })).epochs).toBe(3);
    await expect(resumed({ epochs: 2 })).rejects.toThrow('is in epoch 3 already. Use at least --epochs 3');
  });

  test('may be cut in more pieces, which is said', async () => {
    expect((await resumed({ microBatches: 4 })).microBatches).toBe(4);
    expect(said).toMatch(/^each batch is cut into 4 micro-batches from here on, not 1: .*\n$/);
  });

  test('is not said to have any preset', async () => {
    await expect(resumed({ preset: 'small' })).rejects.toThrow(/does not say its preset, .*Leave out --preset small$/);
  });
});

test('a run that has stopped early says so, and goes on with more patience', async () => {
  save({ epochs: 9, patience: 2 }, 3);
  await resumed({});
  expect(said).toBe('the run has stopped after epoch 3, as its --patience is 2: with more it goes on\n');
  said = '';
  expect((await resumed({ patience: 3 })).patience).toBe(3);
  expect(said).toBe('');
});
