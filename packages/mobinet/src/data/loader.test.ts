import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { dispose, memory, Rng } from '@mobinet/tensor';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Augmentation, randomCropAndFlip } from './augment.js';
import { DataError } from './errors.js';
import { encodeGif, encodeJpeg, encodePng, picture, temporaryFolder, writeFiles } from './fixtures.test.helper.js';
import { openImageFolder } from './image-folder.js';
import { type ImageBatch, ImageLoader } from './loader.js';
import type { ImageLoaderOptions } from './loader-options.js';
import { erasingDefaults } from './random-erasing.js';
import type { ImageSource } from './source.js';

/** Thirteen training files in two classes, of several formats and sizes; images 3, 8 and 9 are broken. */
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

/** Thirteen images of several sizes in memory. `fetched` counts the calls of `image`. */
function memorySource(): ImageSource & { fetched: number } {
  const images = Array.from({ length: 13 }, (_, i) => picture(6 + i, 18 - i, i));
  return {
    fetched: 0,
    length: images.length,
    label: (index) => index % 3,
    name: (index) => `image ${index}`,
    image(index) {
      this.fetched++;
      return images[index];
    },
  };
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
  const everything: Augmentation = {
    ...randomCropAndFlip,
    crop: 'resized',
    verticalFlip: true,
    rotate: 15,
    colorJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4 },
    erase: { ...erasingDefaults, value: 'random' },
  };

  test.each([
    ['cropped', { ...randomCropAndFlip, padding: 2 }],
    ['fully augmented', everything],
  ])('the same seed gives the same bits, whatever the workers, prefetch and cache: %s', async (_, augment) => {
    const { train } = openImageFolder(trainFolder());
    const first = loaderOf(train, { cacheBytes: 0, augment });
    const expected = [await readEpoch(first, 0), await readEpoch(first, 1)];
    expect(expected[0]).not.toEqual(expected[1]);
    expect(expected[0].map(({ labels }) => labels.length).reduce((a, b) => a + b)).toBe(10);
    for (const changes of [
      { workers: 2, prefetch: 0, augment },
      { workers: 3, cacheBytes: 700, augment },
    ]) {
      const loader = loaderOf(train, changes);
      expect([await readEpoch(loader, 0), await readEpoch(loader, 1)]).toEqual(expected);
      expect(await readEpoch(loader, 0)).toEqual(expected[0]);
      expect(loader.skipped).toBe(3);
      expect(await readEpoch(loader, 1, 2)).toEqual(expected[1].slice(2));
    }
  });

  test('micro-batches are cut by position in the epoch, whatever is skipped', async () => {
    const { train } = openImageFolder(trainFolder());
    // Without shuffling, images are in the order of their names, in which 3, 8 and 9 are broken.
    const loader = loaderOf(train, { shuffle: false, batchSize: 8, microBatches: 8, cacheBytes: 0 });
    const whole = await readEpoch(loader, 0);
    const batches = [];
    for await (const { index, parts } of loader.microBatches(0)) {
      const bytes = parts.map((part) => part && Buffer.from(new Uint8Array(part.images.values.slice().buffer)));
      batches.push({ index, counts: parts.map((part) => part?.count ?? null), bytes });
      dispose(parts);
    }
    expect(batches.map(({ index, counts }) => [index, counts])).toEqual([
      [0, [1, 1, 1, null, 1, 1, 1, 1]],
      [1, [null, null, 1, 1, 1]],
    ]);
    const joined = batches.map(({ bytes }) => Buffer.concat(bytes.filter((part) => part !== null)));
    expect(joined).toEqual(whole.map(({ bytes }) => bytes));
  });

  test('mixup mixes each image of a batch with the next one, however the batch is cut', async () => {
    const { train } = openImageFolder(trainFolder());
    const settings = { batchSize: 8, microBatches: 4, cacheBytes: 0 };
    const plain = await readEpoch(loaderOf(train, settings), 1);
    const loader = loaderOf(train, { ...settings, mixup: 1 });
    const shares: number[] = [];
    for await (const { index, parts } of loader.microBatches(1)) {
      const { labels, bytes } = plain[index];
      const pixels = new Float32Array(Uint8Array.from(bytes).buffer);
      const elements = pixels.length / labels.length;
      const present = parts.filter((part) => part !== null);
      const share = present[0].mixup!.share;
      const expected = pixels.map((value, i) => share * value + (1 - share) * pixels[(i + elements) % pixels.length]);
      expect(Float32Array.from(present.flatMap(({ images }) => [...images.values]))).toEqual(expected);
      expect(present.flatMap((part) => [...part.labels.values])).toEqual(labels);
      expect(present.flatMap(({ mixup }) => [...mixup!.labels.values])).toEqual([...labels.slice(1), labels[0]]);
      expect(present.map(({ mixup }) => mixup!.share)).toEqual(present.map(() => share));
      shares.push(share);
      dispose(parts);
    }
    expect(shares).toHaveLength(2);
    expect(shares[0]).not.toBe(shares[1]);
    const again = [];
    for await (const batch of loader.epoch(1, { startBatch: 1 })) {
      again.push(batch.mixup!.share);
      dispose(batch);
    }
    expect(again).toEqual([shares[1]]);
  });

  test.each([2, 4])('%i processes share the micro-batches of one, mixed and skipped alike', async (size) => {
    const { train } = openImageFolder(trainFolder());
    const settings = { batchSize: 8, microBatches: 4, mixup: 1, cacheBytes: 0 };
    const bitsOf = (parts: readonly (ImageBatch | null)[]) =>
      parts.map((part) => part && [...part.images.values, ...part.labels.values, ...part.mixup!.labels.values]);
    /** The micro-batches of each batch, and the images that were skipped. */
    const read = async (rank: number, size: number) => {
      const loader = loaderOf(train, { ...settings, skipsLater: true });
      const batches = [];
      for await (const { parts } of loader.microBatches(1, { share: { rank, size } })) {
        batches.push(bitsOf(parts));
        dispose(parts);
      }
      const skipped = loader.takeSkipped();
      expect(loader.skipped).toBe(0);
      loader.skip(skipped);
      expect(loader.skipped).toBe(skipped.length);
      return { batches, skipped: skipped.map(({ index }) => index) };
    };
    const whole = await read(0, 1);
    const shares = await Promise.all(Array.from({ length: size }, (_, rank) => read(rank, size)));
    expect(whole.batches.map((_, batch) => shares.flatMap(({ batches }) => batches[batch]))).toEqual(whole.batches);
    expect(shares.flatMap(({ skipped }) => skipped).toSorted()).toEqual(whole.skipped.toSorted());
    expect(whole.skipped).toHaveLength(3);
  });

  test('another seed gives another order', async () => {
    const labels = async (seed: number) =>
      (await readEpoch(loaderOf(memorySource(), { rng: Rng.fromSeed(seed) }), 0)).map((batch) => batch.labels);
    expect(await labels(5)).not.toEqual(await labels(6));
  });

  test('starting in the middle gives the remaining batches and decodes no others', async () => {
    const whole = await readEpoch(loaderOf(memorySource()), 2);
    const source = memorySource();
    const loader = loaderOf(source);
    expect(await readEpoch(loader, 2, 2)).toEqual(whole.slice(2));
    expect(source.fetched).toBe(13 - 8);
    expect(await readEpoch(loader, 2, 4)).toEqual([]);
  });

  test('normalizes images of the right size', async () => {
    const images = [picture(10, 10, 1), picture(10, 10, 2)];
    const source: ImageSource = { length: 2, label: (i) => i, name: String, image: (i) => images[i] };
    const loader = loaderOf(source, {
      shuffle: false,
      augment: {},
      resize: 10,
      normalization: { mean: [0, 0, 0], std: [1, 1, 1] },
    });
    const [{ bytes, labels }] = await readEpoch(loader, 0);
    expect(labels).toEqual([0, 1]);
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    // The center 8 × 8 of 10 × 10 pixels begin at row 1, column 1.
    const middle = Array.from(
      { length: 8 * 24 },
      (_, i) => images[1].pixels[Math.floor(i / 24 + 1) * 30 + 3 + (i % 24)],
    );
    expect(values.subarray(8 * 24)).toEqual(Float32Array.from(middle, (pixel) => pixel / 255));
  });

  test('warns of each broken image once, by name, in the order of the epoch', async () => {
    const folder = trainFolder();
    const warnings: string[] = [];
    const loader = loaderOf(openImageFolder(folder).train, {
      shuffle: false,
      workers: 2,
      onWarning: (message) => warnings.push(message),
    });
    const batches = await readEpoch(loader, 0);
    await readEpoch(loader, 1);
    expect(batches.map(({ labels }) => labels.length)).toEqual([3, 4, 2, 1]);
    expect(loader.skipped).toBe(3);
    expect(warnings).toEqual([
      `skipped ${join(folder, 'train/a/03.png')}: it is not an image in a supported format (JPEG, PNG, GIF, WebP, AVIF, TIFF)`,
      expect.stringContaining(`skipped ${join(folder, 'train/b/08.jpg')}: `),
      `skipped ${join(folder, 'train/b/09.png')}: it is empty`,
    ]);
  });

  test('leaves out a batch whose images are all skipped', async () => {
    const broken = join(trainFolder(), 'train/a/03.png');
    const source: ImageSource = { ...memorySource(), image: (i) => (i % 5 === 3 ? broken : picture(9, 9, i)) };
    const single = await readEpoch(loaderOf(source, { batchSize: 1, shuffle: false }), 0);
    expect(single.map(({ index }) => index)).toEqual([0, 1, 2, 4, 5, 6, 7, 9, 10, 11, 12]);
  });

  test('a file that cannot be read ends the epoch, and is tried again in the next', async () => {
    const folder = trainFolder();
    const missing = join(folder, 'train/a/05.png');
    const bytes = readFileSync(missing);
    const expected = await readEpoch(loaderOf(openImageFolder(folder).train), 0);
    const warnings: string[] = [];
    const loader = loaderOf(openImageFolder(folder).train, { onWarning: (message) => warnings.push(message) });
    rmSync(missing);
    const failed = readEpoch(loader, 0);
    await expect(failed).rejects.toThrow(DataError);
    await expect(failed).rejects.toThrow(`cannot read ${missing}: ENOENT: no such file or directory. Restore the file`);
    expect(warnings.join()).not.toContain('05.png');
    writeFiles(folder, { 'train/a/05.png': bytes });
    expect(await readEpoch(loader, 0)).toEqual(expected);
  });

  test('isolated images are skipped individually, whatever is wrong', async () => {
    const warnings: string[] = [];
    const folder = trainFolder();
    const files = ['absent.png', 'train/a/03.png', 'train/a/00.png', 'train'].map((name) => join(folder, name));
    const source: ImageSource = { length: 4, label: () => 0, name: (i) => files[i], image: (i) => files[i] };
    const isolated = { batchSize: 1, shuffle: false, isolated: true, onWarning: (line: string) => warnings.push(line) };
    expect((await readEpoch(loaderOf(source, isolated), 0)).map(({ index }) => index)).toEqual([2]);
    expect(warnings).toEqual([
      `cannot read ${files[0]}: ENOENT: no such file or directory`,
      `skipped ${files[1]}: it is not an image in a supported format (JPEG, PNG, GIF, WebP, AVIF, TIFF)`,
      `cannot read ${files[3]}: it is a folder`,
    ]);
  });

  describe('a data set with many broken images', () => {
    /**
     * 1,000 images in two classes. The first `broken` of class b are broken, and so are all of class c, if it exists.
     */
    function damaged({ broken, isLost = false }: { broken: number; isLost?: boolean }): ImageSource {
      const file = join(trainFolder(), 'train/a/03.png');
      const good = picture(8, 8);
      return {
        length: isLost ? 1002 : 1000,
        classes: ['a', 'b', 'c'],
        label: (i) => (i >= 1000 ? 2 : i % 2),
        name: (i) => `image ${i}`,
        image: (i) => (i >= 1000 || (i % 2 === 1 && i < 2 * broken) ? file : good),
      };
    }
    const plain = { batchSize: 100, shuffle: false, augment: {}, resize: 8 };

    test('is an error if their share is too large', async () => {
      await readEpoch(loaderOf(damaged({ broken: 10 }), plain), 0);
      await expect(readEpoch(loaderOf(damaged({ broken: 11 }), plain), 0)).rejects.toThrow(
        /^11 of 1000 images cannot be decoded, more than 1 %\. The last failure was image 21: it is not an image in a supported format \(.*\)\. .*--max-skipped$/,
      );
      const lenient = loaderOf(damaged({ broken: 11 }), { ...plain, maxSkipped: 0.011 });
      await readEpoch(lenient, 0);
      expect(lenient.skipped).toBe(11);
    });

    test('is an error if no image of a class is left', async () => {
      const lost = readEpoch(loaderOf(damaged({ broken: 0, isLost: true }), plain), 0);
      await expect(lost).rejects.toThrow(DataError);
      await expect(lost).rejects.toThrow(
        /^no image of class c can be decoded\. The last failure was image 1001: it is not an image in a supported format \(.*\)\. Convert/,
      );
    });
  });

  test('drops the last batch if requested and not full', async () => {
    const loader = loaderOf(memorySource(), { dropLast: true, batchSize: 5 });
    expect(loader.batchesPerEpoch).toBe(2);
    expect((await readEpoch(loader, 0)).map(({ index }) => index)).toEqual([0, 1]);
  });

  test('decodes ahead as far as prefetch allows', async () => {
    const source = memorySource();
    const fetched: number[] = [];
    for await (const batch of loaderOf(source, { prefetch: 3 }).epoch(0)) {
      fetched.push(source.fetched);
      dispose(batch);
    }
    expect(fetched).toEqual([7, 11, 13, 13]);
  });

  test('fetches each image once if the cache is large enough', async () => {
    const source = memorySource();
    const loader = loaderOf(source);
    for (let epoch = 0; epoch < 3; epoch++) await readEpoch(loader, epoch);
    expect(source.fetched).toBe(13);
  });

  test('leaving the loop stops the work, keeps no tensor, and leaves the loader usable', async () => {
    const expected = await readEpoch(loaderOf(memorySource()), 0);
    const loader = loaderOf(memorySource());
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
    await expect(crash).rejects.toThrow(/crashed on .*00\.png: it exited with code 7/);
    await expect(readEpoch(loader, 1)).rejects.toThrow('exited with code 7');
  });

  test('a closed loader refuses to read', async () => {
    const loader = loaderOf(memorySource(), { prefetch: 0 });
    const batches = loader.epoch(0);
    const first = await batches.next();
    dispose(first.value);
    const second = batches.next();
    const refused = expect(second).rejects.toThrow('closed');
    await loader.close();
    await refused;
    await expect(loader.epoch(1).next()).rejects.toThrow('closed');
  });

  test('idle decoding threads do not keep a program running', () => {
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
    const output = execFileSync(process.execPath, ['--conditions=mobinet-unbundled', join(folder, 'program.mjs')], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect(output).toBe('2\n');
  });

  test('refuses options out of range', () => {
    for (const changes of [{ batchSize: 0 }, { size: 1.5 }, { workers: 0 }, { prefetch: -1 }, { resize: Number.NaN }]) {
      const [name] = Object.keys(changes);
      expect(() => new ImageLoader(memorySource(), { ...options, ...changes })).toThrow(
        `${name} must be a whole number`,
      );
    }
    expect(() => new ImageLoader(memorySource(), { ...options, maxSkipped: 1.5 })).toThrow(
      'maxSkipped must be a number from 0 to 1',
    );
  });
});
