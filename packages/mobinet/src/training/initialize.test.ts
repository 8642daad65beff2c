import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Linear } from '@mobinet/autograd';
import { memory, Rng, type Tensor } from '@mobinet/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import type { MoBiNetOptions } from '../networks/mobinet/options.js';
import { defineNetwork, registerNetwork } from '../networks/network.js';
import { modelTensors } from '../networks/tensors.js';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.js';
import { packedFile, writePacked } from './files.js';
import { free, sharedFolder, useOneThread } from './fixtures.test.helper.js';
import { initializeFrom } from './initialize.js';
import { paperTraining } from './options.js';
import { newRun, type TrainingRun } from './run.js';
import { checkpointOf, smallRuns } from './small-run.test.helper.js';

const folder = sharedFolder();
const { start, trainThrough } = await smallRuns(folder);
const trained = join(folder, 'trained');
const file = join(trained, 'checkpoint.safetensors');

useOneThread();
beforeAll(() => trainThrough(start({ epochs: 1 }, { precision: 'float' }), trained));

const bitsOf = ({ values }: Tensor): string => Buffer.from(values.slice().buffer).toString('hex');
const tensorsOf = ({ model }: TrainingRun): [string, string][] =>
  Array.from(modelTensors(model), ([name, x]) => [name, bitsOf(x)]);

describe('initializeFrom', () => {
  test('takes over all weights of a float twin, and records where they are from', async () => {
    const source = decodeCheckpoint(await checkpointOf(trained));
    const run = start({}, { seed: 5 });
    const before = memory();
    expect(await initializeFrom(run, trained)).toEqual([]);
    expect(memory()).toEqual(before);
    expect(tensorsOf(run)).toEqual(tensorsOf(source));
    expect(run).toMatchObject({ init: file, history: [], progress: { epoch: 0, batch: 0 }, optimizer: { step: 0 } });
    const restored = decodeCheckpoint(encodeCheckpoint(run));
    expect(restored.init).toBe(file);
    for (const each of [source, run, restored]) free(each);
  });

  test('gives another number of classes a new classifier', async () => {
    const source = new Map(tensorsOf(decodeCheckpoint(await checkpointOf(trained))));
    const { training } = start();
    const data = { classes: ['a', 'b', 'c', 'd'], trainImages: 1 };
    const run = newRun({ width: 0.0625, k: 1, imageSize: 32, seed: 5 }, training, data);
    const before = new Map(tensorsOf(run));
    const fresh = ['classifier.weight', 'classifier.bias'];
    expect(await initializeFrom(run, file)).toEqual(fresh);
    for (const [name, bits] of tensorsOf(run)) {
      expect(bits, name).toBe((fresh.includes(name) ? before : source).get(name));
    }
    free(run);
  });

  test('decides where training leads', async () => {
    const outs = ['from-random', 'from-trained'].map((name) => join(folder, name));
    const [random, initialized] = outs.map(() => start({ epochs: 1 }));
    await initializeFrom(initialized, trained);
    await trainThrough(random, outs[0]);
    await trainThrough(initialized, outs[1]);
    const [first, second] = await Promise.all(outs.map(async (out) => decodeCheckpoint(await checkpointOf(out))));
    expect(second.init).toBe(file);
    expect(tensorsOf(first)).not.toEqual(tensorsOf(second));
    free(first);
    free(second);
  });

  const others: [what: string, options: Partial<MoBiNetOptions>, message: RegExp][] = [
    [
      'another width',
      { width: 0.125 },
      /^.* has another architecture: its stem\.conv\.weight is \[2,3,3,3\], but that of this network is \[4,3,3,3\]\. Its options are width 0\.0625 instead of 0\.125, precision float instead of binary$/,
    ],
    [
      'other units',
      { block: 'none' },
      /its units\.0\.pointwise\.conv\.weight is .* options are block mid instead of none/,
    ],
    ['other activations', { activation: 'relu' }, /activation prelu instead of relu/],
  ];

  test.each(others)('refuses %s and leaves the run unchanged', async (_, options, message) => {
    const run = start({}, options);
    const before = tensorsOf(run);
    await expect(initializeFrom(run, trained)).rejects.toThrow(message);
    expect(tensorsOf(run)).toEqual(before);
    expect(run.init).toBeUndefined();
    free(run);
  });

  test('refuses another kind of network, and packed models', async () => {
    const other = registerNetwork(
      defineNetwork({ name: 'other', make: () => new Linear(3, 2, { rng: Rng.fromSeed(0) }) }),
    );
    const data = { network: other, classes: ['a', 'b'], trainImages: 1 };
    const source = newRun({}, paperTraining, data);
    const path = join(folder, 'other.safetensors');
    writeFileSync(path, encodeCheckpoint(source));
    const run = start();
    await expect(initializeFrom(run, path)).rejects.toThrow(/is a run of the network other, not mobinet$/);
    const packed = join(folder, packedFile);
    await writePacked(run, packed);
    await expect(initializeFrom(run, packed)).rejects.toThrow(
      /not a training checkpoint, but a packed model\. Packed models cannot be trained further/,
    );
    free(source);
    free(run);
  });
});
