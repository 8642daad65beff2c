import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { StepReport } from '../training/epoch.js';
import { ImageProgress } from './image-progress.js';
import { formatDuration, formatRate } from './output.js';
import { TrainingProgress } from './training-progress.js';

test.each([
  [0.0421, '0.042'],
  [0.1, '0.1'],
  [0.86, '0.9'],
  [9.94, '9.9'],
  [9.96, '10'],
  [850.4, '850'],
])('a rate of %d is printed as %s images/s', (rate, text) => {
  expect(formatRate(rate)).toBe(`${text} images/s`);
});

test.each([
  [0.2, '1 s'],
  [59, '59 s'],
  [59.5, '1 min 0 s'],
  [3599, '59 min 59 s'],
  [7 * 3600 + 719.5, '7 h 12 min'],
  [86_400, '1 day 0 h'],
  [3.2 * 86_400, '3 days 4 h'],
  [115.4 * 86_400, '115 days'],
])('%d seconds are printed as %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

describe('TrainingProgress', () => {
  const report: StepReport = {
    epoch: 1,
    epochs: 50,
    images: 256,
    imagesPerEpoch: 1_281_167,
    loss: 6.9,
    imagesPerSecond: 6.43,
    secondsLeft: null,
    secondsPerEpoch: null,
  };

  /** The lines printed for these steps, and the log. */
  function outputOf(...reports: Partial<StepReport>[]): { lines: string[]; log: string } {
    const [stream, lines]: [PassThrough, string[]] = [new PassThrough(), []];
    const progress = new ImageProgress(stream, { secondsPerLine: 0 });
    const training = new TrainingProgress({ advice: 'Consider a GPU.', progress, print: (text) => lines.push(text) });
    for (const changes of reports) training.onStep({ ...report, ...changes });
    let log = '';
    // Node 26 reads one chunk at a time, earlier versions all.
    for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) log += chunk;
    return { lines, log };
  }

  test('prints an estimate for the epoch and the run once it is known, with advice for a run of weeks', () => {
    const known = { secondsPerEpoch: 199_000, secondsLeft: 9_950_000 };
    const { lines, log } = outputOf({}, known, { ...known, images: 512 });
    expect(lines).toEqual(['at this pace, an epoch takes 2 days 7 h and all 50 epochs 115 days. Consider a GPU.']);
    expect(log).toMatch(/^epoch 1\/50: 256\/1281167 images, loss 6\.9000, 6\.4 images\/s\n/);
    expect(log).toMatch(/, 115 days left in the run\n$/);
  });

  test('gives no advice for a run of a day, and no estimate for one of a minute', () => {
    expect(outputOf({ epoch: 3, secondsPerEpoch: 1800, secondsLeft: 86_000 }).lines).toEqual([
      'at this pace, an epoch takes 30 min 0 s and the rest of the 50 epochs 23 h 53 min',
    ]);
    expect(outputOf({ secondsPerEpoch: 1, secondsLeft: 50 }).lines).toEqual([]);
  });
});
