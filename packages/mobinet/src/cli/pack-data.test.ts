import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Rng } from '@mobinet/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeFiles } from '../data/fixtures.test.helper.js';
import { shuffled } from '../data/shuffled.js';
import { copyImages, sharedFolder } from '../training/fixtures.test.helper.js';
import { commandLineIn, tiny } from './cli.test.helper.js';

const folder = sharedFolder();
const { cli, ask } = commandLineIn(folder);
const data = join(folder, 'images');
const train = ['train', ...tiny, '--epochs', '1'];

beforeAll(() => {
  copyImages(data);
});

describe('pack-data', () => {
  test('packs the splits of a folder, from which train and evaluate read', async () => {
    const packing = ['pack-data', data, '--out', 'shards', '--resize', '28'];
    const json = await ask([...packing, '--json']);
    expect({ code: json.code, stderr: json.stderr }).toEqual({ code: 0, stderr: '' });
    const results = JSON.parse(json.stdout);
    expect(results).toEqual({
      'shards/train': { images: 24, skipped: 0, shards: 1, bytes: expect.any(Number) },
      'shards/val': { images: 12, skipped: 0, shards: 1, bytes: expect.any(Number) },
    });
    const again = await ask(packing);
    expect(again).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^shards\/train: 24 images in 1 shard, 0\.\d MB\nshards\/val: 12 images in 1 shard, 0\.\d MB\n$/,
      ),
      stderr: 'shards/train is complete already\nshards/val is complete already\n',
    });
    const trained = await ask([...train, '--data', 'shards', '--out', 'run']);
    expect(trained.code, trained.stderr).toBe(0);
    expect(trained.stderr).toContain('training on 24 images, validating on 12');
    const evaluated = await ask(['evaluate', '--model', 'run/checkpoint.safetensors', '--json']);
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ images: 12, skippedImages: 0 });
    // The folder of the same images has the same classes, but not the same bytes.
    const resumed = await ask(['train', '--resume', 'run', '--data', data, '--epochs', '2']);
    expect(resumed.code).toBe(1);
    expect(resumed.stderr).toMatch(/^error: the data has changed since the run was started: /);
  });

  test('packs all images of a folder without splits, of which training holds out a share', async () => {
    cpSync(join(data, 'train'), join(folder, 'unsplit'), { recursive: true });
    writeFileSync(join(folder, 'unsplit', readdirSync(join(data, 'train'))[0], 'broken.jpg'), 'broken');
    const { code, stdout, stderr } = await ask(['pack-data', 'unsplit', '--out', 'all', '--resize', '28']);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^all: 24 images in 1 shard, 0\.\d MB \(1 images skipped\)\n$/),
    });
    expect(stderr).toMatch(/^warning: skipped unsplit\/.*\/broken\.jpg: it is not an image in a supported format/);
    const trained = await ask([...train, '--data', 'all', '--val-share', '0.25', '--out', 'run-of-all']);
    expect(trained.code, trained.stderr).toBe(0);
    expect(trained.stderr).toContain('training on 18 images, validating on 6');
    const evaluated = await ask(['evaluate', '--model', 'run-of-all/checkpoint.safetensors', '--json']);
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ images: 6 });
  });

  test('stops at Ctrl-C, and can be run again', async () => {
    const [name] = readdirSync(join(data, 'train'));
    const [file] = readdirSync(join(data, 'train', name));
    const images = 1500;
    // The first image to be packed is broken, so its warning comes first.
    const [first] = shuffled(Rng.fromSeed(0).split('pack'), images);
    const png = readFileSync(join(data, 'train', name, file));
    const names = Array.from({ length: images }, (_, index) => `a/${String(index).padStart(4, '0')}.png`);
    writeFiles(
      join(folder, 'many'),
      Object.fromEntries(names.map((path, index) => [path, index === first ? 'broken' : png])),
    );
    const packing = ['pack-data', 'many', '--out', 'packed', '--resize', '128', '--workers', '1'];
    const stopped = await cli(packing, { interruptAt: /warning: skipped/ });
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toMatch(/stopping … \(press Ctrl-C again to quit immediately\)\n$/);
    expect(readdirSync(join(folder, 'packed'))).toEqual(['index.json']);
    const unfinished = await ask([...train, '--data', 'packed', '--out', 'none']);
    expect(unfinished.stderr).toMatch(/^error: .*packed .*\nSee docs\/help\.md#images-not-found\n$/);
    expect(existsSync(join(folder, 'none'))).toBe(false);
    const again = await ask(packing);
    expect({ code: again.code, stdout: again.stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^packed: 1499 images in 1 shard, .* MB \(1 images skipped\)\n$/),
    });
  });

  test.each([
    ['no output folder', ['pack-data', data], /required option '--out <folder>' not specified/],
    ['an empty output folder', ['pack-data', data, '--out', ''], /the name of the output folder is empty/],
    ['a bad quality', ['pack-data', data, '--out', 'x', '--quality', '0'], /--quality.*whole number from 1 to 100/],
    ['a bad shard size', ['pack-data', data, '--out', 'x', '--shard-size', '9999'], /--shard-size.*from 1 to 2000/],
    ['a missing folder', ['pack-data', 'nowhere', '--out', 'x'], /there is no folder nowhere/],
    ['a file as output', ['pack-data', data, '--out', join(data, 'file')], /file is not a folder\. Choose another/],
  ])('%s is an error of one line', async (_, args, message) => {
    writeFileSync(join(data, 'file'), '');
    const { code, stdout, stderr } = await ask(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    // Some errors lead to the page of help in a second line.
    expect(stderr).toMatch(/^error: [^\n]*\n(See docs\/help\.md#[\w-]+\n)?$/);
    expect(stderr).toMatch(message);
    expect(existsSync(join(folder, 'x'))).toBe(false);
  });
});
