import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { describeWithMpi } from '../distributed/mpi.test.helper.js';
import { copyImages, sharedFolder } from './fixtures.test.helper.js';
import type { Job } from './on-ranks.test.helper.js';
import { argumentsOf, outcomeOf, resultOf, runAlone } from './on-ranks-results.test.helper.js';

const folder = sharedFolder();
const images = copyImages(join(folder, 'images'));

/** All that may depend on the division of the work: moments, averages, shares of mixup, and batches that are not full. */
const jobs: readonly Job[] = [
  { name: 'adam', training: { ema: 0.9, mixup: 0.3, labelSmoothing: 0.1 } },
  { name: 'sgd', training: { optimizer: 'sgd', weightDecay: 0.01, microBatches: 8, batchSize: 9 } },
  { name: 'bop', training: { optimizer: 'bop', epochs: 1 } },
  { name: 'groups', training: { optimizer: 'adamw', epochs: 1 }, grouped: true },
  { name: 'dropout', training: { optimizer: 'rmsprop', epochs: 1 }, network: 'dropping' },
];

const stopping: Job = { name: 'stopped', training: { mixup: 0.3 }, stopsAfter: 2 };

const straight = join(folder, 'straight');

/** Cuts off the second half of an image, so that it cannot be decoded. */
function breakImage(split: string, name: string, index: number): void {
  const place = join(images, split, name);
  const file = join(place, readdirSync(place).sort()[index]);
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.subarray(0, bytes.length / 2));
}

describe('training on several ranks', () => {
  beforeAll(() => {
    breakImage('train', 'ankle-boot', 1);
    breakImage('train', 'coat', 6);
    breakImage('val', 'bag', 2);
    const { stopsAfter, ...whole } = stopping;
    const outcome = runAlone(argumentsOf(images, straight, [...jobs, whole]));
    expect(outcome.map(({ finished, skippedImages }) => [finished, skippedImages])).toEqual(
      outcome.map(() => [true, 3]),
    );
  });

  describeWithMpi('gives the bits of a single process', ({ name, run }) => {
    // What does not depend on the library is tested with one of them.
    const isFirst = name === 'Open MPI';

    test.each(isFirst ? [2, 4] : [4])(
      'on %i ranks, with all optimizers, groups of parameters, mixup, averages, dropout and skipped images',
      async (ranks) => {
        const out = mkdtempSync(join(folder, 'ranks-'));
        const { code, stdout, stderr } = await run({ ranks, args: argumentsOf(images, out, jobs) });
        expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
        expect(outcomeOf(stdout).map(({ skippedImages }) => skippedImages)).toEqual(jobs.map(() => 3));
        for (const job of jobs) expect(resultOf(out, job)).toEqual(resultOf(straight, job));
        // Each skipped image is reported once for each run, and by name.
        expect(stderr.match(/skipped .*\.png/g)).toHaveLength(3 * jobs.length);
      },
    );

    test.runIf(isFirst)('but not with signs: all ranks have the same weights, and so has the next run', async () => {
      const job = (name: string, training: Job['training'] = {}): Job => ({ name, training, exactSteps: 2 });
      const [exact, first, second] = [
        job('exact'),
        ...['first', 'second'].map((name) => job(name, { exchange: 'signs' })),
      ];
      const sgd = job('sgd', { exchange: 'signs', optimizer: 'sgd' });
      const out = mkdtempSync(join(folder, 'ranks-'));
      const { stdout } = await run({ ranks: 2, args: argumentsOf(images, out, [exact, first, second, sgd]) });
      expect(outcomeOf(stdout).map(({ finished, same }) => [finished, same])).toEqual(new Array(4).fill([true, true]));
      expect(resultOf(out, second)).toEqual(resultOf(out, first));
      expect(resultOf(out, first).packed).not.toBe(resultOf(out, exact).packed);
    });

    test.runIf(isFirst)('but refuses networks whose layers keep statistics of their own', async () => {
      const out = mkdtempSync(join(folder, 'ranks-'));
      const { code, stderr } = await run({
        ranks: 2,
        args: argumentsOf(images, out, [{ name: 'own', network: 'counting' }]),
      });
      expect(code).not.toBe(0);
      expect(stderr).toContain('steps of the network was overwritten in forward, which several processes cannot do');
    });

    test('also if 4 ranks begin, one goes on and is stopped as well, and 2 finish', async () => {
      const out = mkdtempSync(join(folder, 'ranks-'));
      const begun = await run({ ranks: 4, args: argumentsOf(images, out, [stopping]) });
      expect(outcomeOf(begun.stdout)).toMatchObject([{ finished: false }]);
      expect(runAlone(argumentsOf(images, out, [{ ...stopping, resumes: true }]))).toMatchObject([{ finished: false }]);
      const { stopsAfter, ...rest } = stopping;
      const ended = await run({ ranks: 2, args: argumentsOf(images, out, [{ ...rest, resumes: true }]) });
      expect(outcomeOf(ended.stdout)).toMatchObject([{ finished: true }]);
      expect(resultOf(out, stopping)).toEqual(resultOf(straight, stopping));
    });
  });
});
