import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fc, test } from '@fast-check/vitest';
import { dispose, Rng } from '@mobinet/tensor';
import { beforeAll, describe, expect, onTestFinished, test as plainTest } from 'vitest';
import { randomCropAndFlip } from '../data/augment.js';
import { temporaryFolder, writeFiles } from '../data/fixtures.test.helper.js';
import { ImageLoader } from '../data/loader.js';
import type { ImageSource } from '../data/source.js';
import { sharedFolder } from '../training/fixtures.test.helper.js';
import { catalogOf } from './catalog.js';
import { openShards, openValidationShards } from './open-shards.js';
import type { ReadSizes } from './read-plan.js';
import { readIndex, type ShardIndex, saveIndex } from './shard-index.js';
import { ShardSource } from './shard-source.js';
import { jpegOf, writeShards } from './shards.test.helper.js';

const folder = join(sharedFolder(), 'shards');
/** So small that the few images of these tests make many chunks and windows. */
const sizes: ReadSizes = { chunk: 4000, window: 9000, gap: 2000 };
let source: ShardSource;

beforeAll(async () => {
  const { classes } = await writeShards(folder, { images: 57, perShard: 20, classes: 3 });
  const catalog = catalogOf(folder, readIndex(folder)!);
  source = new ShardSource(catalog, classes, Uint32Array.from(catalog.names.keys()), sizes);
});

const quiet = { onWarning: () => {} };

/** The batches of an epoch, with every bit. */
async function readEpoch(of: ImageSource, epoch: number, { startBatch = 0, workers = 1, cacheBytes = 0 } = {}) {
  const augment = { ...randomCropAndFlip, padding: 1 };
  const options = { batchSize: 4, size: 8, rng: Rng.fromSeed(7), shuffle: true, augment, workers, cacheBytes };
  const loader = new ImageLoader(of, { ...options, ...quiet });
  onTestFinished(() => loader.close());
  const batches = [];
  for await (const batch of loader.epoch(epoch, { startBatch })) {
    batches.push([[...batch.labels.values], Buffer.from(new Uint8Array(batch.images.values.slice().buffer))]);
    dispose(batch);
  }
  return batches;
}

const imagesOf = (of: ImageSource): Promise<unknown[]> =>
  Promise.all(
    Array.from({ length: of.length }, async (_, i) => [of.label(i), Buffer.from((await of.image(i)) as Buffer)]),
  );

describe('an epoch of shards', () => {
  plainTest('has the same bits with 1, 2 and 4 threads, with a cache, and from any batch on', async () => {
    const [first, second] = [await readEpoch(source, 0), await readEpoch(source, 1)];
    expect(first).not.toEqual(second);
    expect(first.length).toBe(15);
    for (const options of [{ workers: 2 }, { workers: 4 }, { cacheBytes: 1e6 }]) {
      expect(await readEpoch(source, 1, options)).toEqual(second);
    }
    for (const startBatch of [1, 7, 14]) {
      expect(await readEpoch(source, 1, { startBatch, workers: 2 })).toEqual(second.slice(startBatch));
    }
  });

  plainTest('has the bits of the same images in files, read in the same order', async () => {
    const files = temporaryFolder();
    const names = Array.from({ length: source.length }, (_, i) => `${i}.jpg`);
    writeFiles(files, Object.fromEntries(names.map((name, i) => [name, jpegOf(i)])));
    const image = (index: number): string => join(files, names[index]);
    const label = (index: number): number => index % 3;
    const pass = (rng: Rng | null) => ({ order: source.pass(rng).order, image });
    expect(await readEpoch({ length: source.length, label, image, pass }, 0)).toEqual(await readEpoch(source, 0));
  });

  test.prop([fc.nat(), fc.nat({ max: 56 })], { numRuns: 20 })('can begin anywhere', async (seed, from) => {
    const order = source.pass(Rng.fromSeed(seed)).order;
    const pass = source.pass(Rng.fromSeed(seed));
    expect(pass.order).toEqual(order);
    const read = await Promise.all(Array.from(order.subarray(from), (index) => pass.image(index)));
    expect(read.map((bytes) => Buffer.from(bytes as Buffer))).toEqual(Array.from(order.subarray(from), jpegOf));
  });

  plainTest('keeps the chunks of a window until a later one is read', async () => {
    const pass = source.pass(Rng.fromSeed(1));
    const [first, last] = [pass.order[0], pass.order[56]];
    const read = async (index: number): Promise<Buffer> => (await pass.image(index)) as Buffer;
    const before = await read(first);
    expect((await read(first)).buffer).toBe(before.buffer);
    await read(last);
    const again = await read(first);
    expect(again.buffer).not.toBe(before.buffer);
    expect(again).toEqual(before);
  });
});

describe('a data set of shards', () => {
  plainTest('is split as its folders are', async () => {
    const split = temporaryFolder();
    await writeShards(join(split, 'train'), { images: 12, perShard: 5, classes: 3 });
    await writeShards(join(split, 'val'), { images: 6, perShard: 6, classes: 3 });
    const { classes, train, val, split: drawn } = await openShards(split, quiet);
    expect(classes).toEqual(['class 0', 'class 1', 'class 2']);
    expect([train.length, val.length, drawn]).toEqual([12, 6, undefined]);
    expect(await imagesOf(train)).toEqual(Array.from({ length: 12 }, (_, i) => [i % 3, jpegOf(i)]));
    expect(train.name!(5)).toBe(`${join(split, 'train', '000001.tar')}[image-5.jpg]`);
    const validation = await openValidationShards(split, quiet);
    expect(await imagesOf(validation.val)).toEqual(await imagesOf(val));
    await expect(openShards(split, { valShare: 0.5 })).rejects.toThrow('already has train/ and val/');
    rmSync(join(split, 'val'), { recursive: true });
    await expect(openShards(split, quiet)).rejects.toThrow(/val holds no shards/);
  });

  plainTest('without splits is split by the seed, like an image folder', async () => {
    const { train, val, split } = await openShards(folder, { valShare: 0.25, splitSeed: 3, ...quiet });
    expect(split).toEqual({ valShare: 0.25, splitSeed: 3 });
    const namesOf = (of: ImageSource): string[] => Array.from({ length: of.length }, (_, i) => of.name!(i));
    expect([...namesOf(train), ...namesOf(val)].sort()).toEqual(namesOf(source).sort());
    const counts = (of: ImageSource): number[] => of.fingerprint!().map(({ images }) => images);
    expect([counts(train), counts(val)]).toEqual([
      [14, 14, 14],
      [5, 5, 5],
    ]);
    const drawn = await openValidationShards(folder, { valShare: 0.25, splitSeed: 3, ...quiet });
    expect(namesOf(drawn.val)).toEqual(namesOf(val));
    const all = await openValidationShards(folder, quiet);
    expect([all.isUnsplit, all.val.length]).toEqual([true, 57]);
  });

  plainTest('is limited to as many images of each class', async () => {
    const { val } = await openValidationShards(folder, { limit: 7, ...quiet });
    expect(await imagesOf(val)).toEqual(Array.from({ length: 7 }, (_, i) => [i % 3, jpegOf(i)]));
    await expect(openShards(folder, { limit: 2, ...quiet })).rejects.toThrow(
      'leaves some of the 3 classes without any',
    );
  });

  plainTest('has a fingerprint that depends on every image', async () => {
    const index = readIndex(folder)!;
    const fingerprint = (changed: ShardIndex) => {
      const catalog = catalogOf(folder, changed);
      return new ShardSource(catalog, index.classes!, Uint32Array.from(catalog.names.keys())).fingerprint();
    };
    const before = fingerprint(index);
    expect(before).toEqual(source.fingerprint());
    const other = structuredClone(index) as ShardIndex;
    other.shards[1].checksums![4] ^= 1;
    const after = fingerprint(other);
    expect(after.filter(({ hash }, label) => hash !== before[label].hash)).toHaveLength(1);
  });
});

describe('shards of other programs', () => {
  const isGnu = spawnSync('tar', ['--version'], { encoding: 'utf8' }).stdout?.includes('GNU tar') ?? false;

  plainTest.skipIf(!isGnu)('as GNU tar makes them are read, and get an index', async () => {
    const other = temporaryFolder();
    writeFiles(
      join(other, 'files'),
      Object.fromEntries([
        ...Array.from({ length: 5 }, (_, i) => [`cats/${i}.JPEG`, jpegOf(i)]),
        ...Array.from({ length: 5 }, (_, i) => [`cats/${i}.cls`, `${i === 4 ? 3 : i % 2}\n`]),
        ['cats/1.json', '{}'],
        ['cats/1.seg.png', 'not an image of this example'],
        ['README', 'ignored'],
      ]),
    );
    execFileSync('tar', ['--sort=name', '-cf', '../photos-0.tar', '.'], { cwd: join(other, 'files') });
    const messages: string[] = [];
    const open = () => openValidationShards(other, { onWarning: (message) => messages.push(message) });
    const { classes, val } = await open();
    expect(messages).toEqual([
      `${other} had no index.json, so it was made from the headers of its shards (1) and saved`,
    ]);
    // Classes are numbers, and class 2 has no images.
    expect(classes).toEqual(['0', '1', '2', '3']);
    expect(await imagesOf(val)).toEqual([0, 1, 0, 1, 3].map((label, i) => [label, jpegOf(i)]));
    expect(val.name!(2)).toBe(`${join(other, 'photos-0.tar')}[./cats/2.JPEG]`);
    expect(await imagesOf((await open()).val)).toEqual(await imagesOf(val));
    expect(messages).toHaveLength(1);
    const warnings: string[] = [];
    await expect(openShards(other, { onWarning: (message) => warnings.push(message) })).rejects.toThrow(
      /^class 3 of .* holds one image, but training and validation need one each/,
    );
    expect(warnings).toEqual([`${other} has no images of the classes 2, which cannot be learned`]);
  });

  plainTest('have at least as many classes as the network to evaluate', async () => {
    const other = temporaryFolder();
    await writeShards(other, { images: 4, perShard: 2, classes: 2, index: false });
    // A folder of that name is not an index.
    writeFiles(other, { 'index.json/file': '' });
    await expect(openShards(other, quiet)).rejects.toThrow(/index\.json is a folder/);
    rmSync(join(other, 'index.json'), { recursive: true });
    const { classes, val } = await openValidationShards(other, { classes: 5, ...quiet });
    expect([classes.length, val.length, existsSync(join(other, 'index.json'))]).toEqual([5, 4, true]);
  });

  plainTest.each([
    ['no labels', ['a.jpg'], /holds no images|000000\.tar: a\.jpg has no label\. A shard needs a a\.cls/],
    ['words as labels', ['a.jpg', 'a.cls=cat'], /a\.cls is "cat", not the number of a class/],
    ['no images', ['a.txt', 'a.cls=1'], /000000\.tar holds no images\. Give shards with KEY\.jpg and KEY\.cls/],
  ])('with %s are refused', async (_, members, message) => {
    const { packTar } = await import('modern-tar');
    const other = temporaryFolder();
    const entries = members.map((member) => {
      const [name, body = 'x'] = member.split('=');
      return { header: { name, size: body.length }, body };
    });
    writeFileSync(join(other, '000000.tar'), await packTar(entries));
    await expect(openValidationShards(other, quiet)).rejects.toThrow(message);
  });

  plainTest('of several splits in one folder are refused', async () => {
    const other = temporaryFolder();
    await writeShards(other, { images: 2, perShard: 1, classes: 1, index: false });
    cpSync(join(other, '000000.tar'), join(other, 'train-0.tar'));
    cpSync(join(other, '000001.tar'), join(other, 'val-0.tar'));
    await expect(openShards(other, quiet)).rejects.toThrow(/look like those of several splits\. Move them to/);
  });
});

describe('damaged shards', () => {
  function copyOfShards(): string {
    const copy = temporaryFolder();
    cpSync(folder, copy, { recursive: true });
    return copy;
  }

  plainTest('are found in an epoch, by the checksum of an image', async () => {
    const copy = copyOfShards();
    const path = join(copy, '000001.tar');
    const bytes = readFileSync(path);
    const { starts, lengths } = readIndex(copy)!.shards[1];
    bytes[starts[3] + lengths[3] - 10] ^= 1;
    writeFileSync(path, bytes);
    const { val } = await openValidationShards(copy, quiet);
    const message = `${path}[image-23.jpg] is damaged: its bytes do not match the checksum of the index. Copy or pack it again`;
    await expect(readEpoch(val, 0)).rejects.toThrow(message);
    await expect(val.image(23)).rejects.toThrow(message);
  });

  plainTest('are found at once if they are cut off or missing', async () => {
    const copy = copyOfShards();
    const { bytes, starts } = readIndex(copy)!.shards[2];
    truncateSync(join(copy, '000002.tar'), starts[2] + 5);
    await expect(openShards(copy, quiet)).rejects.toThrow(
      `${join(copy, '000002.tar')} has ${starts[2] + 5} bytes, not the ${bytes} of its index, so it is cut off within image-42.jpg`,
    );
    rmSync(join(copy, '000002.tar'));
    await expect(openShards(copy, quiet)).rejects.toThrow(`the shard ${join(copy, '000002.tar')} is missing`);
  });

  plainTest('are found if they are cut off or removed during an epoch', async () => {
    const copy = copyOfShards();
    const { val } = await openValidationShards(copy, quiet);
    truncateSync(join(copy, '000002.tar'), 100);
    await expect(readEpoch(val, 0)).rejects.toThrow(`the shard ${join(copy, '000002.tar')} ends at byte`);
    rmSync(join(copy, '000002.tar'));
    await expect(readEpoch(val, 0)).rejects.toThrow(`there is no shard at ${join(copy, '000002.tar')}`);
  });

  plainTest('an index that is damaged, of another format or of other shards is refused', async () => {
    const copy = copyOfShards();
    const path = join(copy, 'index.json');
    const text = readFileSync(path, 'utf8');
    expect(JSON.parse(text).shards).toHaveLength(3);
    for (const wrong of ['', '{}', text.slice(0, -20), text.replace('class 1', 'class 7')]) {
      writeFileSync(path, wrong);
      await expect(openShards(copy, quiet)).rejects.toThrow(/index\.json is damaged, or not an index of shards/);
    }
    writeFileSync(path, text);
    cpSync(join(copy, '000000.tar'), join(copy, '000003.tar'));
    await expect(openShards(copy, quiet)).rejects.toThrow(/000003\.tar is not in the index of its folder\. Remove/);
    rmSync(join(copy, '000003.tar'));
    const packing = {
      resize: 8,
      quality: 90,
      shardBytes: 1e6,
      software: '',
      source: '',
      images: 60,
      done: 57,
      skipped: 0,
    };
    await saveIndex(copy, { ...readIndex(copy)!, packing });
    await expect(openShards(copy, quiet)).rejects.toThrow(
      /is not complete: it has 57 of 60 images\. Run pack-data again/,
    );
    expect(readdirSync(copy).sort()).toEqual(['000000.tar', '000001.tar', '000002.tar', 'index.json']);
  });
});
