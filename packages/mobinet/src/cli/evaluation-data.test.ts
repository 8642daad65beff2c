import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { DataError } from '../data/errors.js';
import { fingerprintOf } from '../data/fingerprint.js';
import { openImageFolder } from '../data/image-folder.js';
import type { ValidationSet } from '../data/source.js';
import { copyImages, sharedFolder } from '../training/fixtures.test.helper.js';
import type { TrainingRun } from '../training/run.js';
import { openEvaluationData } from './evaluation-data.js';
import { type DataFlags, recordOf } from './flags.js';

const folder = sharedFolder();
const photos = join(folder, 'photos');
/** The record that a run on the unsplit classes in `photos` keeps of its images. */
let run: TrainingRun;

beforeAll(() => {
  copyImages(join(folder, 'split'));
  cpSync(join(folder, 'split/train'), photos, { recursive: true });
  const dataset = openImageFolder(photos, { valShare: 0.25, splitSeed: 5 });
  const { classes, train } = dataset;
  const source = recordOf({ data: photos }, dataset);
  run = { classes, trainImages: train.length, source, fingerprint: fingerprintOf(dataset)! } as unknown as TrainingRun;
});

const names = ({ val }: ValidationSet): string[] => Array.from({ length: val.length }, (_, i) => val.name!(i));

/** Opens the data set, and returns it with the messages printed. */
async function open(flags: DataFlags, of: TrainingRun | undefined) {
  const write = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  try {
    const dataset = await openEvaluationData(flags, { classes: 3, run: of });
    return { dataset, messages: write.mock.calls.join('') };
  } finally {
    write.mockRestore();
  }
}

describe('evaluation on a folder with class folders only', () => {
  test('uses the images held out for validation by the run that was trained on the folder', async () => {
    const drawn = names(openImageFolder(photos, { valShare: 0.25, splitSeed: 5 }));
    expect(drawn).toHaveLength(6);
    const moved = join(folder, 'moved');
    cpSync(photos, moved, { recursive: true });
    for (const [flags, place] of [
      [{ data: photos }, photos],
      [{}, photos],
      [{ data: moved }, moved],
    ] as const) {
      const { dataset, messages } = await open(flags, run);
      expect(names(dataset)).toEqual(drawn.map((path) => path.replace(photos, place)));
      expect(messages).toBe(`evaluating the 6 images of ${place} that training held out for validation\n`);
    }
    expect(names((await open({ limit: 3 }, run)).dataset)).toEqual(drawn.filter((_, i) => i % 2 === 0));
  });

  test('uses all images otherwise, and says so, unless the share is given', async () => {
    const { dataset, messages } = await open({ data: photos }, undefined);
    expect(dataset.val.length).toBe(24);
    expect(messages).toMatch(
      /^evaluating all 24 images of .*, which has no val\/\. If the network was trained .* --val-share and --seed/,
    );
    const drawn = await open({ data: photos, valShare: 0.25, seed: 5 }, undefined);
    expect(drawn).toEqual({ dataset: expect.anything(), messages: '' });
    expect(names(drawn.dataset)).toEqual(names((await open({}, run)).dataset));
  });

  test('is refused if the images of the run have changed', async () => {
    const changed = join(folder, 'changed');
    cpSync(photos, changed, { recursive: true });
    const [first] = run.classes;
    rmSync(join(changed, first, readdirSync(join(changed, first))[0]));
    expect((await open({ data: changed }, run)).dataset.isUnsplit).toBe(true);
    const ofChanged = { ...run, source: { ...run.source, data: changed } };
    await expect(open({}, ofChanged)).rejects.toThrow(DataError);
    await expect(open({}, ofChanged)).rejects.toThrow(`class ${first} has`);
  });

  test('uses val/ if it exists', async () => {
    const { dataset, messages } = await open({ data: join(folder, 'split') }, run);
    expect({ images: dataset.val.length, messages }).toEqual({ images: 12, messages: '' });
    rmSync(join(folder, 'split/train'), { recursive: true });
    expect((await open({ data: join(folder, 'split') }, run)).dataset.val.length).toBe(12);
  });
});
