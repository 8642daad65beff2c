import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { mobinet } from '../networks/mobinet/network.js';
import { encodeCheckpoint } from '../training/checkpoint.js';
import { sharedFolder } from '../training/fixtures.test.helper.js';
import { paperTraining } from '../training/options.js';
import { type EpochMetrics, newRun, startOfEpoch, type TrainingRun } from '../training/run.js';
import { type RunFlags, reportChanges, resumeRun } from './run-settings.js';

const folder = sharedFolder();
const path = join(folder, 'checkpoint.safetensors');
const training = { ...paperTraining, batchSize: 8, schedule: 'cosine', learningRate: 0.125 } as const;

const metrics = (epoch: number, top1: number): EpochMetrics => ({
  epoch,
  top1,
  top5: null,
  trainLoss: 1,
  valLoss: 1,
  learningRate: 0.1,
  imagesPerSecond: 1,
  seconds: 1,
});

/** Saves a run after a number of epochs, the first of which was its best, and perhaps some batches of the next. */
function save(changes: Partial<TrainingRun['training']>, epochs: number, batch = 0, preset?: string): void {
  const data = { classes: ['cat', 'dog'], trainImages: 24, preset };
  const run = newRun({ width: 0.0625, k: 1, imageSize: 32 }, { ...training, ...changes }, data);
  run.progress = { ...startOfEpoch(epochs), batch, lossSum: batch, images: 8 * batch, seconds: batch };
  for (let epoch = 1; epoch <= epochs; epoch++) run.history.push(metrics(epoch, 90 - epoch));
  writeFileSync(path, encodeCheckpoint(run));
  run.model.dispose();
}

let messages = '';

beforeEach(() => {
  messages = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    messages += text;
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

/** The settings with which a run resumes. */
async function resumed(flags: RunFlags): Promise<TrainingRun['training']> {
  const resumed = await resumeRun(path, flags, mobinet);
  reportChanges(resumed);
  resumed.run.model.dispose();
  return resumed.run.training;
}

describe('a finished run of three epochs', () => {
  beforeAll(() => save({ epochs: 3 }, 3, 0, 'small'));

  test('continues for more epochs, and reports its learning rate', async () => {
    expect(await resumed({ epochs: 6 })).toEqual({ ...training, epochs: 6 });
    // Halfway through a cosine schedule, the rate is halved.
    expect(messages).toBe(
      'training for 6 epochs instead of 3: the learning rate now follows the cosine schedule of 6 epochs, with 0.0625 in the next step\n',
    );
  });

  test('says how to continue', async () => {
    expect(await resumed({})).toEqual({ ...training, epochs: 3 });
    expect(messages).toBe('all 3 epochs are done. Raise --epochs to continue\n');
  });

  test('does not go back', async () => {
    await expect(resumed({ epochs: 2 })).rejects.toThrow(`${path} is already in epoch 3. Use at least --epochs 3`);
  });

  test('accepts its own preset and settings, but no others', async () => {
    expect(await resumed({ preset: 'small', batch: 8, schedule: 'cosine', flip: 'horizontal' })).toEqual({
      ...training,
      epochs: 3,
    });
    const others: [RunFlags, RegExp][] = [
      [{ preset: 'imagenet' }, /was started with the preset small .*Leave out --preset imagenet$/],
      [
        { lr: 0.5 },
        /its learningRate is 0\.125\. Only --epochs, --patience, --micro-batches and --exchange may change$/,
      ],
      [{ flip: false }, /its augment is /],
      [{ flip: 'both' }, /its augment is /],
      [{ rotate: 5 }, /its augment is /],
      [{ cropPadding: 3 }, /its augment is /],
      [{ batch: 16, epochs: 9 }, /its batchSize is 8/],
      [{ size: 64 }, /its imageSize is 32, not 64/],
      [{ seed: 1 }, /its seed is 0/],
    ];
    for (const [flags, message] of others) await expect(resumed(flags)).rejects.toThrow(message);
    expect(messages).toBe('all 3 epochs are done. Raise --epochs to continue\n');
  });
});

describe('a run in its third epoch', () => {
  beforeAll(() => save({ epochs: 9 }, 2, 1));

  test('may end after that epoch, but not before', async () => {
    expect((await resumed({ epochs: 3 })).epochs).toBe(3);
    await expect(resumed({ epochs: 2 })).rejects.toThrow('is already in epoch 3. Use at least --epochs 3');
  });

  test('may split batches into more micro-batches, which is reported', async () => {
    expect((await resumed({ microBatches: 4 })).microBatches).toBe(4);
    expect(messages).toMatch(/^from here on, each batch is split into 4 micro-batches instead of 1\. .*\n$/);
  });

  test('may have no recorded preset', async () => {
    await expect(resumed({ preset: 'small' })).rejects.toThrow(/does not record a preset .*Leave out --preset small$/);
  });
});

test('a run that stopped early reports it, and continues with more patience', async () => {
  save({ epochs: 9, patience: 2 }, 3);
  await resumed({});
  expect(messages).toBe('the run stopped early after epoch 3 (--patience 2). Raise --patience to continue\n');
  messages = '';
  expect((await resumed({ patience: 3 })).patience).toBe(3);
  expect(messages).toBe('');
});

test('a run keeps more epochs than its warm-up has', async () => {
  save({ epochs: 9, warmupEpochs: 4 }, 2);
  await expect(resumed({ epochs: 4 })).rejects.toThrow('warmupEpochs must be less than the 4 epochs, not 4');
  expect(await resumed({ epochs: 5, warmupEpochs: 4 })).toMatchObject({ epochs: 5, warmupEpochs: 4 });
  await expect(resumed({ warmupEpochs: 1 })).rejects.toThrow(
    '--resume keeps the settings of the run: its warmupEpochs',
  );
});
