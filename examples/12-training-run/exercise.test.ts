import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fc, test } from '@fast-check/vitest';
import { tensor } from '@mobinet/tensor';
import { bestEpoch, type EpochMetrics, newRun, openImageFolder, presets, type TrainingRun, train } from 'mobinet';
import { afterAll, describe, expect } from 'vitest';
import { exercise } from '../lib/exercise.js';

const { topK, bestEpochOf, trainWithBreak } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

describe('exercise 1: topK', () => {
  // The second image has two equal scores.
  const logits = tensor([
    [3, 1, 2],
    [0, 5, 5],
    [1, 2, 3],
    [9, 8, 7],
  ]);
  const labels = tensor(Int32Array.of(0, 2, 0, 1));

  test('counts the images whose class is among the first k', () => {
    expect([1, 2, 3].map((k) => topK(logits, labels, k))).toEqual([0.25, 0.75, 1]);
  });
});

describe('exercise 2: bestEpochOf', () => {
  const histories = fc.array(
    fc.record({ top1: fc.constantFrom(70, 71.5, 72), valLoss: fc.constantFrom(0.7, 0.8, 0.9) }),
    { minLength: 1, maxLength: 12 },
  );

  test.prop([histories])('chooses the epoch that train keeps as best.safetensors', (measured) => {
    const history = measured.map((metrics, at) => ({ epoch: at + 1, ...metrics }) as EpochMetrics);
    const text = history.map((metrics) => `${JSON.stringify(metrics)}\n`).join('');
    expect(bestEpochOf(text)).toBe(bestEpoch(history)!.epoch);
  });
});

describe('exercise 3: trainWithBreak', () => {
  const images = fileURLToPath(new URL('../data/fashion-mnist-subset', import.meta.url));
  const dataset = openImageFolder(images, { limit: 40 });
  const folder = mkdtempSync(join(tmpdir(), 'mobinet-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  function makeRun(): TrainingRun {
    const { training } = presets.small();
    return newRun(
      { width: 0.25, imageSize: 32 },
      { ...training, epochs: 2, batchSize: 10 },
      { classes: dataset.classes, trainImages: dataset.train.length },
    );
  }

  test('ends with the bits of a run without a break', async () => {
    const whole = makeRun();
    await train(whole, dataset, { out: join(folder, 'whole') });
    const broken = makeRun();
    const resumed = await trainWithBreak(broken, dataset, { folder: join(folder, 'broken'), steps: 3 });
    expect(broken.history, 'the first part must end before its first epoch does').toEqual([]);
    expect(resumed).not.toBe(broken);
    expect(resumed.progress.epoch).toBe(2);
    for (const [name, { values }] of whole.model.parameters()) {
      expect(resumed.model.parameters().get(name)!.values, name).toEqual(values);
    }
  });
});
