import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { bestEpoch, isFinished } from './best.js';
import { paperTraining } from './options.js';
import { type EpochMetrics, startOfEpoch } from './run.js';

const epochs = (...results: readonly (readonly [top1: number, valLoss: number])[]): EpochMetrics[] =>
  results.map(([top1, valLoss], index) => ({
    epoch: index + 1,
    trainLoss: 1,
    valLoss,
    top1,
    top5: null,
    learningRate: 0.1,
    imagesPerSecond: 1,
    seconds: 1,
  }));

test('the best epoch has the highest top-1, then the lowest validation loss, then the lowest number', () => {
  expect(bestEpoch([])).toBeUndefined();
  expect(bestEpoch(epochs([50, 1], [60, 2], [55, 0.5]))?.epoch).toBe(2);
  expect(bestEpoch(epochs([50, 1], [60, 2], [60, 1.5], [60, 1.8]))?.epoch).toBe(3);
  expect(bestEpoch(epochs([50, 1], [50, 1]))?.epoch).toBe(1);
});

const results = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })), { maxLength: 8 });

test.prop([results, fc.integer({ min: 0, max: 4 })])(
  'a run finishes once its best epoch is `patience` epochs ago',
  (results, patience) => {
    const history = epochs(...results);
    const finished = (batch: number): boolean =>
      isFinished({
        training: { ...paperTraining, epochs: 10, patience },
        history,
        progress: { ...startOfEpoch(history.length), batch },
      });
    const sinceBest = history.length - (bestEpoch(history)?.epoch ?? history.length);
    expect(finished(0)).toBe(patience > 0 && sinceBest >= patience);
    // An epoch that was started, with more patience than now, is completed.
    expect(finished(1)).toBe(false);
  },
);
