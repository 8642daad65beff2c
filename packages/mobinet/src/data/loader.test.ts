import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { dispose, memory, Rng } from '@mobinet/tensor';
import { describe, expect, onTestFinished, test } from 'vitest';
import { randomCropAndFlip } from './augment.js';
import { DataError } from './errors.js';
import { encodeGif, encodeJpeg, encodePng, picture, temporaryFolder, writeFiles } from './fixtures.test.helper.js';
import { openImageFolder } from './image-folder.js';
import { ImageLoader, type ImageLoaderOptions } from './loader.js';
import type { ImageSource } from './source.js';

/** Thirteen files of every format and several sizes in two classes; the images 3, 8 and 9 are broken. */
function trainFolder(): string {
  const folder = temporaryFolder();
  const png = (height: number, width: number, seed: number) =>
    encodePng(height, width, picture(height, width, seed).pixels);
  writeFiles(folder, {
    'train/a/00.png': png(12, 16, 0),
    'train/a/01.jpg': encodeJpeg(picture(20, 10, 1)),
    'train/a/02.gif': encodeGif(9, 9, [Array.from({ length: 81 }, (_, i) => i)]),
    'train/a/03.png': 'no image',
    'train/a/04.png': png(5, 5, 4),
    'train/a/05.png': png(16, 12, 5),
    'train/b/06.jpg': encodeJpeg(picture(64, 80, 6)),
    'train/b/07.png': png(30, 10, 7),
    'train/b/08.jpg': encodeJpeg(picture(30, 30, 8)).subarray(0, 400),
    'train/b/09.png': '',
    'train/b/10.jpg': encodeJpeg(picture(18, 18, 10)),
    'train/b/11.png': png(8, 9, 11),
    'train/b/12.png': png(10, 10, 12),
    'val/a/0.png': png(10, 10, 1),
    'val/b/0.png': png(10, 10, 2),
  });
  return folder;
}

const options: ImageLoaderOptions = {
  batchSize: 4,
  size: 8,
  rng: Rng.fromSeed(5),
  shuffle: true,
  augment: { ...randomCropAndFlip, padding: 2 },
  workers: 1,
  onWarning: () => {},
};

function loaderOf(source: ImageSource, changes: Partial<ImageLoaderOptions> = {}): ImageLoader {
  const loader = new ImageLoader(source, { ...options, ...changes });
  onTestFinished(() => loader.close());
  return loader;
}

interface Snapshot {
  index: number;
  labels: number[];
  bytes: Buffer;
}

/** Every bit of the batches of an epoch. */
async function readEpoch(loader: ImageLoader, epoch: number, startBatch = 0): Promise<Snapshot[]> {
  const snapshots: Snapshot[] = [];
  for await (const batch of loader.epoch(epoch, { startBatch })) {
    expect(batch.images.shape).toEqual([batch.count, options.size, options.size, 3]);
    expect(batch.labels.shape).toEqual([batch.count]);
    snapshots.push({
      index: batch.index,
      labels: [...batch.labels.values],
      bytes: Buffer.from(new Uint8Array(batch.images.values.slice().buffer)),
    });
    dispose(batch);
  }
  return snapshots;
}

describe('ImageLoader', () => {
  test('the same seed gives the same bits, however they come about', async () => {
    const { train } = openImageFolder(trainFolder());
    const first = loaderOf(train, { cacheBytes: 0 });
    const expected = [await readEpoch(first, 0), await readEpoch(first, 1)];
    expect(expected[0]).not.toEqual(expected[1]);
    expect(expected[0].map(({ labels }) => labels.length).reduce((a, b) => a + b)).toBe(10);
    for (const changes of [
      { workers: 2 },
      { workers: 3, prefetch: 0 },
      { workers: 2, prefetch: 50 },
      { cacheBytes: 700 },
    ]) {
      const loader = loaderOf(train, changes);
      expect([await readEpoch(loader, 0), await readEpoch(loader, 1)]).toEqual(expected);
      expect(await readEpoch(loader, 0)).toEqual(expected[0]);
      expect(loader.skipped).toBe(3);
    }
    const other = loaderOf(train, { rng: Rng.fromSeed(6) });
    expect(await readEpoch(other, 0)).not.toEqual(expected[0]);
  });

  test('entering in the middle gives the rest, and decodes nothing before it', async () => {
    const { train } = openImageFolder(trainFolder());
    const whole = await readEpoch(loaderOf(train), 2);
    const asked: number[] = [];
    const watched: ImageSource = { ...train, image: (index) => asked.push(index) && train.image(index) };
    expect(await readEpoch(loaderOf(watched), 2, 2)).toEqual(whole.filter(({ index }) => index >= 2));
    expect(asked).toHaveLength(13 - 8);
    expect(await readEpoch(loaderOf(train), 2, 4)).toEqual([]);
  });

  test('in the order of the source, an unscaled image comes out normalised', async () => {
    const { val } = openImageFolder(trainFolder());
    const plain = {
      shuffle: false,
      augment: {},
      size: 8,
      resize: 10,
      normalization: { mean: [0, 0, 0], std: [1, 1, 1] },
    } as const;
    const [{ bytes, labels }] = await readEpoch(loaderOf(val, plain), 0);
    expect(labels).toEqual([0, 1]);
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const { pixels } = picture(10, 10, 2);
    for (let row = 0; row < 8; row++) {
      for (let i = 0; i < 8 * 3; i++) {
        const pixel = pixels[(row + 1) * 30 + 3 + i];
        expect(values[8 * 8 * 3 + row * 24 + i]).toBe(Math.fround(pixel / 255));
      }
    }
  });

  test('warns of each broken image once, by name, in the order of the epoch', async () => {
    const folder = trainFolder();
    const warnings: string[] = [];
    const loader = loaderOf(openImageFolder(folder).train, {
      shuffle: false,
      workers: 3,
      onWarning: (message) => warnings.push(message),
    });
    const batches = await readEpoch(loader, 0);
    await readEpoch(loader, 1);
    expect(batches.map(({ labels }) => labels.length)).toEqual([3, 4, 2, 1]);
    expect(loader.skipped).toBe(3);
    expect(warnings).toEqual([
      `skipped ${join(folder, 'train/a/03.png')}: it is not a JPEG, PNG or GIF`,
      `skipped ${join(folder, 'train/b/08.jpg')}: its header is corrupt (Corrupt JPG, exceeded buffer limits)`,
      `skipped ${join(folder, 'train/b/09.png')}: it is empty`,
    ]);
  });

  test('passes over a batch without images, and complains if there is none at all', async () => {
    const { train } = openImageFolder(trainFolder());
    const single = await readEpoch(loaderOf(train, { batchSize: 1, shuffle: false }), 0);
    expect(single.map(({ index }) => index)).toEqual([0, 1, 2, 4, 5, 6, 7, 10, 11, 12]);
    const broken: ImageSource = { ...train, image: () => '/nowhere' };
    await expect(readEpoch(loaderOf(broken), 0)).rejects.toThrow('none of the 13 images could be decoded');
  });

  test('drops a last batch that is not full, if asked to', async () => {
    const { train } = openImageFolder(trainFolder());
    const loader = loaderOf(train, { dropLast: true, batchSize: 5 });
    expect(loader.batchesPerEpoch).toBe(2);
    expect((await readEpoch(loader, 0)).map(({ index }) => index)).toEqual([0, 1]);
  });

  test('decodes ahead as far as it may, and no farther', async () => {
    const { train } = openImageFolder(trainFolder());
    let asked = 0;
    const watched: ImageSource = { ...train, image: (index) => (asked++, train.image(index)) };
    const seen: number[] = [];
    for await (const batch of loaderOf(watched, { prefetch: 3 }).epoch(0)) {
      seen.push(asked);
      dispose(batch);
    }
    expect(seen).toEqual([7, 11, 13, 13]);
  });

  test('decodes each file once if the cache has room', async () => {
    const { train } = openImageFolder(trainFolder());
    let asked = 0;
    const watched: ImageSource = { ...train, image: (index) => (asked++, train.image(index)) };
    const loader = loaderOf(watched);
    for (let epoch = 0; epoch < 3; epoch++) await readEpoch(loader, epoch);
    expect(asked).toBe(13);
  });

  test('leaving the loop stops the work, keeps no tensor, and leaves the loader usable', async () => {
    const { train } = openImageFolder(trainFolder());
    const expected = await readEpoch(loaderOf(train), 0);
    const loader = loaderOf(train);
    const before = memory();
    for await (const batch of loader.epoch(0)) {
      dispose(batch);
      break;
    }
    expect(memory()).toEqual(before);
    expect(await readEpoch(loader, 0)).toEqual(expected);
  });

  test('a crash of a decoding thread ends the loop with an error', async () => {
    const folder = trainFolder();
    writeFiles(folder, {
      'worker.mjs': `import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => process.exit(7));`,
    });
    const loader = loaderOf(openImageFolder(folder).train, {
      shuffle: false,
      workerUrl: pathToFileURL(join(folder, 'worker.mjs')),
    });
    const crash = readEpoch(loader, 0);
    await expect(crash).rejects.toThrow(DataError);
    await expect(crash).rejects.toThrow(/crashed at .*00\.png: it ended with exit code 7/);
    await expect(readEpoch(loader, 1)).rejects.toThrow('exit code 7');
  });

  test('a closed loader says so', async () => {
    const { train } = openImageFolder(trainFolder());
    const loader = loaderOf(train, { prefetch: 100 });
    const batches = loader.epoch(0);
    const first = await batches.next();
    dispose(first.value);
    await loader.close();
    await expect(Array.fromAsync?.(batches) ?? batches.next()).rejects.toThrow('closed');
    await expect(loader.epoch(1).next()).rejects.toThrow('closed');
  });

  test('a program ends by itself, with its decoding threads idle', () => {
    const folder = trainFolder();
    const module = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
    writeFiles(folder, {
      'program.mjs': `
        import { Rng } from ${JSON.stringify(import.meta.resolve('@mobinet/tensor'))};
        import { openImageFolder } from ${module('./image-folder.js')};
        import { ImageLoader } from ${module('./loader.js')};
        const { val } = openImageFolder(${JSON.stringify(folder)});
        const loader = new ImageLoader(val, { batchSize: 2, size: 4, rng: Rng.fromSeed(0), workers: 2 });
        for await (const { count } of loader.epoch(0)) console.log(count);
      `,
    });
    const output = execFileSync(process.execPath, [join(folder, 'program.mjs')], { encoding: 'utf8', timeout: 30_000 });
    expect(output).toBe('2\n');
  });

  test('refuses options that make no sense', () => {
    const { train } = openImageFolder(trainFolder());
    for (const changes of [{ batchSize: 0 }, { size: 1.5 }, { workers: 0 }, { prefetch: -1 }, { resize: Number.NaN }]) {
      const [name] = Object.keys(changes);
      expect(() => new ImageLoader(train, { ...options, ...changes })).toThrow(`${name} must be a whole number`);
    }
  });
});
