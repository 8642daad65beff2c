import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeImage } from '../data/decode.js';
import { encodePng, picture, temporaryFolder, writeFiles } from '../data/fixtures.test.helper.js';
import { openImageFolder, openValidationFolder } from '../data/image-folder.js';
import { resizeShorterSide } from '../data/resize.js';
import { sharedFolder } from '../training/fixtures.test.helper.js';
import { openValidationShards } from './open-shards.js';
import { type PackOptions, packShards } from './pack-shards.js';
import { readIndex } from './shard-index.js';

const folder = join(sharedFolder(), 'photos');
const fixtures = join(import.meta.dirname, '../../fixtures');
const broken = join(folder, 'b', '4.png');

beforeAll(() => {
  const names = Array.from({ length: 24 }, (_, i) => `${'abc'[i % 3]}/${i}.png`);
  const png = (i: number) => encodePng(20 + i, 30, picture(20 + i, 30, i).pixels);
  writeFiles(folder, Object.fromEntries(names.map((name, i) => [name, png(i)])));
  // Rotated by its EXIF orientation, and broken.
  writeFiles(folder, {
    'a/0.png': readFileSync(join(fixtures, 'exif-6.png')),
    'b/4.png': readFileSync(broken).subarray(0, 100),
  });
});

const settings: PackOptions = { resize: 16, quality: 80, shardBytes: 12_000, workers: 2, onWarning: () => {} };

const pack = (out: string, changes: PackOptions = {}) => {
  const { val, classes } = openValidationFolder(folder);
  return packShards(val, classes, out, { ...settings, ...changes });
};

const filesIn = (path: string): [string, string][] =>
  readdirSync(path)
    .sort()
    .map((name) => [name, readFileSync(join(path, name), 'latin1')]);

describe('packing an image folder', () => {
  test('gives scaled JPEGs of all images, and skips broken ones', async () => {
    const out = join(temporaryFolder(), 'made', 'shards');
    const warnings: string[] = [];
    const progress: number[] = [];
    const result = await pack(out, {
      onWarning: (message) => warnings.push(message),
      onProgress: (images) => progress.push(images),
    });
    const { shards } = readIndex(out)!;
    expect(result).toEqual({
      images: 23,
      skipped: 1,
      shards: shards.length,
      bytes: shards.reduce((sum, { bytes }) => sum + bytes, 0),
    });
    expect(shards.length).toBeGreaterThan(2);
    expect(progress).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
    expect(warnings).toEqual([expect.stringMatching(/^skipped .*b\/4\.png: it is a corrupt PNG/)]);
    expect(readdirSync(out)).toEqual([...shards.map(({ file }) => file), 'index.json']);

    const { classes, val } = await openValidationShards(out);
    expect(classes).toEqual(['a', 'b', 'c']);
    const counts = [0, 0, 0];
    const limits = { pixelLimit: 1e6 };
    const packed = new Map<number, { width: number; mean: number }[]>([0, 1, 2].map((label) => [label, []]));
    for (let index = 0; index < val.length; index++) {
      const { height, width, pixels } = await decodeImage((await val.image(index)) as Buffer, limits);
      expect(Math.min(height, width)).toBe(16);
      counts[val.label(index)]++;
      packed.get(val.label(index))!.push({ width, mean: pixels.reduce((a, b) => a + b) / pixels.length });
    }
    expect(counts).toEqual([8, 7, 8]);
    // Each image is there, up to the losses of JPEG: its width and its mean color.
    const { val: files } = openValidationFolder(folder);
    for (let index = 0; index < files.length; index++) {
      if (files.image(index) === broken) continue;
      const original = await decodeImage(readFileSync(files.image(index) as string), limits);
      const { width, pixels } = resizeShorterSide(original, 16);
      const mean = pixels.reduce((a, b) => a + b) / pixels.length;
      const found = packed.get(files.label(index))!.filter((one) => one.width === width);
      expect(Math.min(...found.map((one) => Math.abs(one.mean - mean)))).toBeLessThan(2);
    }
    // Classes are mixed, so that large parts of the shards have images of all.
    expect(new Set(shards.flatMap(({ labels }) => labels).slice(0, 12)).size).toBe(3);
  });

  test('gives the same bytes with any number of threads, and after any interruption', async () => {
    const whole = temporaryFolder();
    await pack(whole, { workers: 1 });
    for (const stopAfter of [0, 11, 23]) {
      const out = temporaryFolder();
      const controller = new AbortController();
      const reason = new Error('stopped');
      const onProgress = (images: number): void => {
        if (images === stopAfter) controller.abort(reason);
      };
      if (stopAfter === 0) controller.abort(reason);
      await expect(pack(out, { signal: controller.signal, onProgress })).rejects.toBe(reason);
      const { packing, shards } = readIndex(out)!;
      expect(packing!.done).toBeLessThan(24);
      if (stopAfter > 0) {
        expect(shards.length).toBeGreaterThan(0);
        await expect(openValidationShards(out)).rejects.toThrow(/is not complete: it has \d+ of 24 images/);
      }
      // A process that was killed may leave a shard that the index does not list yet, or part of a file.
      writeFileSync(join(out, `${String(shards.length).padStart(6, '0')}.tar`), 'part');
      const before: unknown[] = [];
      await pack(out, { onContinue: (done) => before.push(done.shards) });
      expect(before).toEqual(shards.length > 0 ? [shards.length] : []);
      expect(filesIn(out)).toEqual(filesIn(whole));
      // A further call finds nothing to do.
      expect(await pack(out)).toMatchObject({ images: 23, skipped: 1 });
      expect(filesIn(out)).toEqual(filesIn(whole));
    }
  });

  test('refuses a folder of other shards, images or settings, and leaves it unchanged', async () => {
    const out = temporaryFolder();
    await pack(out);
    const before = filesIn(out);
    const differently = (what: string): string => `${out} contains shards that were packed differently (${what}).`;
    await expect(pack(out, { resize: 17 })).rejects.toThrow(differently('another --resize'));
    await expect(pack(out, { quality: 81, shardBytes: 1e6 })).rejects.toThrow(
      differently('another --quality, another --shard-size'),
    );
    const { train, classes } = openImageFolder(folder);
    await expect(packShards(train, classes, out, settings)).rejects.toThrow(
      differently('other images, another number of images'),
    );
    expect(filesIn(out)).toEqual(before);
    rmSync(join(out, 'index.json'));
    await expect(pack(out)).rejects.toThrow(`${out} contains other shards. Choose another --out`);
    await expect(pack(broken)).rejects.toThrow(/4\.png/);
    await expect(pack(out, { quality: 0 })).rejects.toThrow(/^quality must be a whole number from 1 to 100, not 0$/);
  });

  test('ends if too many images are broken, and continues where more are allowed', async () => {
    const many = temporaryFolder();
    const good = encodePng(9, 9, picture(9, 9).pixels);
    const names = Array.from({ length: 40 }, (_, i) => `x/${i}.png`);
    writeFiles(many, Object.fromEntries(names.map((name, i) => [name, i % 2 ? good : 'broken'])));
    const { val, classes } = openValidationFolder(many);
    const out = temporaryFolder();
    await expect(packShards(val, classes, out, settings)).rejects.toThrow(/10 of 40 images cannot be decoded/);
    const { images, skipped } = await packShards(val, classes, out, { ...settings, maxSkipped: 0.6 });
    expect([images, skipped]).toEqual([20, 20]);
  });

  const isGnu = spawnSync('tar', ['--version'], { encoding: 'utf8' }).stdout?.includes('GNU tar') ?? false;

  test.skipIf(!isGnu)('gives archives that tar lists and extracts', async () => {
    const out = temporaryFolder();
    await pack(out);
    const [{ names, labels, starts, lengths }] = readIndex(out)!.shards;
    const listed = execFileSync('tar', ['-tf', '000000.tar'], { cwd: out, encoding: 'utf8' }).trim().split('\n');
    expect(listed).toEqual(names.flatMap((name) => [name, name.replace('.jpg', '.cls')]));
    execFileSync('tar', ['-xf', '000000.tar'], { cwd: out });
    const shard = readFileSync(join(out, '000000.tar'));
    for (const [i, name] of names.entries()) {
      expect(readFileSync(join(out, name)).equals(shard.subarray(starts[i], starts[i] + lengths[i]))).toBe(true);
      expect(readFileSync(join(out, name.replace('.jpg', '.cls')), 'utf8')).toBe(String(labels[i]));
    }
  });
});
