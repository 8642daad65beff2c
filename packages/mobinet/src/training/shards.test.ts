import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder, writeFiles } from '../data/fixtures.test.helper.js';
import type { ImageDataset, ImageSource } from '../data/source.js';
import { openShards } from '../shards/open-shards.js';
import { packShards } from '../shards/pack-shards.js';
import { decodeCheckpoint } from './checkpoint.js';
import { contentsOf, free, sharedFolder, useOneThread } from './fixtures.test.helper.js';
import { checkpointOf, smallRuns, stepOf } from './small-run.test.helper.js';
import { train } from './train.js';

const folder = sharedFolder();
const { files, start, trainThrough } = await smallRuns(folder);
const straight = join(folder, 'straight');
let dataset: ImageDataset;

useOneThread();
beforeAll(async () => {
  for (const split of ['train', 'val'] as const) {
    await packShards(files[split], files.classes, join(folder, 'shards', split), { resize: 32, shardBytes: 20_000 });
  }
  dataset = await openShards(join(folder, 'shards'));
  await trainThrough(start(), straight, { images: dataset });
});

describe('training from shards', () => {
  test.each([1, 2, 4])('ends with the same bits after interruptions, with %d threads', async (workers) => {
    const out = join(folder, `interrupted-${workers}`);
    // In the middle of the first epoch, and of the second.
    for (const stop of [2, 5, null]) {
      const run = stop === 2 ? start() : decodeCheckpoint(await checkpointOf(out));
      const controller = new AbortController();
      const { finished } = await train(run, await openShards(join(folder, 'shards')), {
        out,
        workers,
        signal: controller.signal,
        onStep: (report) => {
          if (stepOf(report) === stop) controller.abort();
        },
      });
      expect(finished).toBe(stop === null);
      free(run);
    }
    expect(contentsOf(await checkpointOf(out))).toEqual(contentsOf(await checkpointOf(straight)));
  });

  test('gives the same network as training from files of the same JPEGs, in the same order', async () => {
    const out = join(folder, 'files');
    const unpacked = temporaryFolder();
    const asFiles = async (source: ImageSource, name: string): Promise<ImageSource> => {
      const paths = Array.from({ length: source.length }, (_, index) => `${name}-${index}.jpg`);
      for (const [index, path] of paths.entries()) {
        writeFiles(unpacked, { [path]: (await source.image(index)) as Uint8Array });
      }
      const image = (index: number): string => join(unpacked, paths[index]);
      const { length } = source;
      return {
        length,
        label: (index) => source.label(index),
        image,
        pass: (rng) => ({ order: source.pass!(rng).order, image }),
      };
    };
    const images = {
      classes: dataset.classes,
      train: await asFiles(dataset.train, 'train'),
      val: await asFiles(dataset.val, 'val'),
    };
    await trainThrough(start(), out, { images });
    const [fromFiles, fromShards] = [out, straight].map(
      (run) => contentsOf(readFileSync(join(run, 'checkpoint.safetensors'))) as { bits: unknown },
    );
    expect(fromFiles.bits).toEqual(fromShards.bits);
  });
});
