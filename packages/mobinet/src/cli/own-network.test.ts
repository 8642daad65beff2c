import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Conv2d, GlobalAveragePool2d, Linear, Sequential } from '@mobinet/autograd';
import { BinaryConv2d } from '@mobinet/bnn';
import { Rng } from '@mobinet/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { packModel } from '../export/pack.js';
import { unpackModel } from '../export/packed-model.js';
import { copyImages, sharedFolder } from '../training/fixtures.test.helper.js';
import { commandLineIn } from './cli.test.helper.js';

// A network that the command line has never heard of runs there, since its file says what it does.

const folder = sharedFolder();
const { ask } = commandLineIn(folder);
const images = copyImages(join(folder, 'images'));
const classes = readdirSync(join(images, 'val')).sort();
const file = join(folder, 'own.mobinet.safetensors');

function ownNetwork(channels = 3): Sequential {
  const rng = Rng.fromSeed(1);
  return new Sequential(
    new Conv2d(channels, 8, { rng }),
    new BinaryConv2d(8, 8, { stride: 2, rng }),
    new GlobalAveragePool2d(),
    new Linear(8, 3, { rng }),
  ).label();
}

beforeAll(() => {
  writeFileSync(file, packModel(ownNetwork(), { imageShape: [28, 28, 3], classes }));
});

describe("a network of one's own on the command line", () => {
  test('predicts', async () => {
    const ofOneClass = join(images, 'val', classes[1]);
    const [name] = readdirSync(ofOneClass);
    const { code, stdout } = await ask(['predict', '--model', file, '--json', join(ofOneClass, name)]);
    expect(code).toBe(0);
    const [{ classes: found }] = JSON.parse(stdout).predictions;
    expect(found.map(({ name }: { name: string }) => name).sort()).toEqual(classes);
  });

  test('is evaluated', async () => {
    const { code, stdout } = await ask(['evaluate', '--model', file, '--data', images, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ images: 12, top5: null });
  });

  test('says what cannot be done with it', async () => {
    const grey = join(folder, 'grey.mobinet.safetensors');
    writeFileSync(grey, packModel(ownNetwork(1), { imageShape: [28, 28, 1] }));
    const { code, stderr } = await ask(['evaluate', '--model', grey, '--data', images]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^error: .*grey.*: a network of images \[28,28,1\]\. The command line makes square ones ready, of 3 colours\n$/,
    );
  });

  test('names its classes by what the file says', () => {
    const network = unpackModel(packModel(ownNetwork(), { imageShape: [28, 28, 3], classes }));
    expect(network.info).toEqual({ classes });
    expect(network).toMatchObject({ classCount: 3, imageShape: [28, 28, 3] });
    expect(() => packModel(ownNetwork(), { imageShape: [28, 28, 3], classes: ['a', 'b'] })).toThrow(
      'classes must be a list of 3 names',
    );
    network.dispose();
  });
});
