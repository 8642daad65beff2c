import { describe, expect, test } from 'vitest';
import { checkTraining, makeSchedule, paperTraining, type TrainingOptions } from './options.js';

const ratesOf = (changes: Partial<TrainingOptions>, steps: number): number[] => {
  const schedule = makeSchedule({ ...paperTraining, learningRate: 1, ...changes }, steps);
  return Array.from({ length: steps }, (_, step) => schedule(step));
};

const closeTo = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 12));

describe('makeSchedule', () => {
  test('rises linearly during the warm-up, then follows half a cosine over the remaining steps', () => {
    // Five epochs of four steps, the first two of which are the warm-up.
    const rises = [1, 2, 3, 4, 5, 6, 7, 8].map((step) => step / 8);
    const falls = Array.from({ length: 12 }, (_, step) => (1 + Math.cos((Math.PI * step) / 12)) / 2);
    expect(ratesOf({ epochs: 5, schedule: 'cosine', warmupEpochs: 2 }, 20)).toEqual(closeTo([...rises, ...falls]));
  });

  test("places the milestones of 'step' within the steps after the warm-up", () => {
    const expected = [0.5, 1, ...Array(12).fill(1), ...Array(5).fill(0.1), ...Array(3).fill(0.01)];
    expect(ratesOf({ epochs: 11, schedule: 'step', warmupEpochs: 1 }, 22)).toEqual(closeTo(expected));
  });

  test('without a warm-up starts at the peak', () => {
    expect(ratesOf({ epochs: 2, schedule: 'cosine' }, 4)).toEqual(
      closeTo([1, (1 + Math.SQRT1_2) / 2, 0.5, (1 - Math.SQRT1_2) / 2]),
    );
  });
});

test.each([
  [{ warmupEpochs: 50 }, /^training\.warmupEpochs must be less than the 50 epochs, not 50\. Use .*--warmup-epochs/],
  [{ warmupEpochs: 0.5 }, 'training.warmupEpochs must be a whole number from 0 to 1000000, not 0.5'],
  [{ warmupEpochs: 1, schedule: 'one-cycle' }, /^training\.warmupEpochs must be 0 with .*Use --schedule cosine$/],
])('training options with %j are refused', (changes, message) => {
  expect(() => checkTraining({ ...paperTraining, ...changes })).toThrow(message);
});

test.each([{ warmupEpochs: 49 }, { epochs: 1, schedule: 'one-cycle' }])(
  'training options with %j are accepted',
  (changes) => {
    expect(() => checkTraining({ ...paperTraining, ...changes })).not.toThrow();
  },
);
