import { cpSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { DataError } from '../data/errors.js';
import { fingerprintOf } from '../data/fingerprint.js';
import { openImageFolder } from '../data/image-folder.js';
import { checkData } from './check-data.js';
import { decodeCheckpoint } from './checkpoint.js';
import { free, sharedFolder, useOneThread } from './fixtures.test.helper.js';
import { checkpointFile, refuseToOverwrite } from './run-folder.js';
import { checkpointOf, smallRuns } from './small-run.test.helper.js';
import { train } from './train.js';

const folder = sharedFolder();
const { dataset, start, trainThrough } = await smallRuns(folder);
const straight = join(folder, 'straight');

useOneThread();
beforeAll(() => trainThrough(start(), straight));

describe('checkData', () => {
  test('refuses other classes and another number of images', async () => {
    const run = start();
    const out = join(folder, 'refused');
    const others = { ...dataset, classes: ['a', 'b', 'c'] };
    await expect(train(run, others, { out })).rejects.toThrow(DataError);
    await expect(train(run, others, { out })).rejects.toThrow(
      /^the images do not have the classes of the run: .*only the images have "a", "b", "c"/,
    );
    const fewer = openImageFolder(join(folder, 'images'), { limit: 20 });
    await expect(train(run, fewer, { out })).rejects.toThrow(
      'the data has 20 training images, but the run was started with 24. Use the same --data, --limit and --val-share',
    );
    expect(() => readFileSync(join(out, checkpointFile))).toThrow(/ENOENT/);
    free(run);
  });

  test('refuses files of other names and sizes, but accepts a moved folder and runs without a fingerprint', async () => {
    const out = join(folder, 'other-files');
    const run = start();
    const controller = new AbortController();
    await train(run, dataset, { out, workers: 1, signal: controller.signal, onStep: () => controller.abort() });
    free(run);
    const resumed = decodeCheckpoint(await checkpointOf(out));
    expect(resumed.fingerprint).toEqual(fingerprintOf(dataset));
    const moved = join(folder, 'moved');
    cpSync(join(folder, 'images'), moved, { recursive: true });
    checkData(resumed, openImageFolder(moved));

    const [first, second] = dataset.classes;
    const [file] = readdirSync(join(moved, 'train', first));
    renameSync(join(moved, 'train', first, file), join(moved, 'train', second, 'new.png'));
    expect(() => checkData(resumed, openImageFolder(moved))).toThrow(
      `the data has changed since the run was started: class ${first} has 7 training images, but had 8 (and 1 more `,
    );
    delete resumed.fingerprint;
    checkData(resumed, openImageFolder(moved));
    free(resumed);
  });
});

test('a new run is refused in a folder that contains another', async () => {
  await expect(refuseToOverwrite(straight)).rejects.toThrow(
    /checkpoint\.safetensors exists\. Resume that run with --resume/,
  );
  await expect(refuseToOverwrite(folder)).resolves.toBeUndefined();
});
