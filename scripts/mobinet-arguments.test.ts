import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dispose, encodeSafetensors, Rng, type Tensor } from '@mobinet/tensor';
import * as mobinet from 'mobinet';
import { formatTable } from 'mobinet/cli';
import { resize, resizeShorterSide } from 'mobinet/kernels';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { faultsOf, faultsOfAsync, isRecord } from './lib/wrong-arguments.js';

// Wrong arguments of the public functions of mobinet, which JavaScript allows since no compiler rejects them.

const { centerCrop, imageNetNormalization: normalization, paperTraining } = mobinet;
const nothing = (): void => {};
const rng = Rng.fromSeed(0);
const classes = ['dark', 'bright'];
const pixels = new Uint8Array(8 * 16 * 16 * 3).fill(200, 4 * 16 * 16 * 3);
const images = mobinet.imagesFromArrays({ height: 16, width: 16, pixels, labels: [0, 0, 0, 0, 1, 1, 1, 1] });
const oneImage = mobinet.imagesFromArrays({ height: 16, width: 16, pixels: pixels.slice(0, 768), labels: [0] });
const image = { height: 1, width: 2, pixels: Uint8Array.of(124, 116, 104, 1, 2, 3) };
const rgba = { height: 1, width: 1, data: Uint8ClampedArray.of(1, 2, 3, 255) };

const network = { width: 0.0625, k: 1, imageSize: 16, stemStride: 1 } as const;
const preprocessing = { resize: 16, normalization };
const training = { ...paperTraining, epochs: 1, batchSize: 4, resize: 16 };
const augment: mobinet.Augmentation = {
  ...centerCrop,
  cropScale: [0.5, 1],
  cropRatio: [0.5, 2],
  verticalFlip: true,
  rotate: 3,
  colorJitter: { brightness: 0.1, contrast: 0.1, saturation: 0.1 },
  erase: { probability: 0.5, scale: [0.02, 0.33], ratio: [0.3, 3.3], value: 0 },
};
const distillation = { weight: 0.5, temperature: 2 };
const newRun = () => mobinet.newRun(network, training, { classes, trainImages: 8 });
const run = newRun();
const packedBytes = mobinet.packModel(run.model);
const packed = mobinet.unpackModel(packedBytes);
const { classify } = mobinet.createClassifier(packedBytes);
const loader = new mobinet.ImageLoader(images, { batchSize: 4, size: 16, rng });
const options = { imageShape: [16, 16, 3], classes, preprocessing };
const metrics = { epoch: 1, top1: 70, valLoss: 0.8 };
const trained = newRun();
const batches = () => rng.normal([1, 16, 16, 3]);

type Calls = Readonly<Record<string, readonly [f: (...args: never[]) => unknown, args: () => readonly unknown[]]>>;

/** Right arguments of the functions that return at once. */
const calls: Calls = {
  newRun: [
    (...args: Parameters<typeof mobinet.newRun>) => dispose(mobinet.newRun(...args).model),
    () => [network, training, { classes, trainImages: 8, preset: 'small', network: mobinet.mobinet }],
  ],
  'newRun, augment': [(augment: never) => startWith({ augment }), () => [augment]],
  'newRun, color jitter': [
    (colorJitter: never) => startWith({ augment: { ...augment, colorJitter } }),
    () => [augment.colorJitter],
  ],
  'newRun, erase': [(erase: never) => startWith({ augment: { ...augment, erase } }), () => [augment.erase]],
  'newRun, normalization': [(normalization: never) => startWith({ normalization }), () => [normalization]],
  'newRun, distillation': [(distillation: never) => startWith({ distillation }), () => [distillation]],
  createMoBiNet: [mobinet.createMoBiNet, () => [network]],
  planNetwork: [mobinet.planNetwork, () => [mobinet.mobinet.resolve(network)]],
  resolve: [mobinet.mobinet.resolve, () => [network]],
  make: [mobinet.mobinet.make, () => [mobinet.mobinet.resolve(network)]],
  makeOptimizer: [mobinet.makeOptimizer, () => [training]],
  makeSchedule: [mobinet.makeSchedule, () => [training, 5]],
  bestEpoch: [mobinet.bestEpoch, () => [[metrics, metrics]]],
  countFlops: [mobinet.countFlops, () => [[{ floatMultiplyAdds: 10, binaryMultiplyAdds: 640 }]]],
  createClassifier: [mobinet.createClassifier, () => [packedBytes]],
  decodeCheckpoint: [mobinet.decodeCheckpoint, () => [packedBytes, 'file']],
  encodeCheckpoint: [mobinet.encodeCheckpoint, () => [run]],
  unpackModel: [
    (bytes: never, source: never) => mobinet.unpackModel(bytes, source).dispose(),
    () => [packedBytes, 'file'],
  ],
  registerNetwork: [mobinet.registerNetwork, () => [mobinet.mobinet]],
  networkNamed: [mobinet.networkNamed, () => ['mobinet']],
  drawGraph: [mobinet.drawGraph, () => [run.model, options]],
  summary: [mobinet.summary, () => [run.model, options]],
  packModel: [mobinet.packModel, () => [run.model, options]],
  exportOnnx: [mobinet.exportOnnx, () => [run.model, options]],
  importWeights: [
    mobinet.importWeights,
    () => [
      encodeSafetensors(new Map([...run.model.parameters(), ...run.model.state()])),
      { options: { ...network, classes: 2 }, network: mobinet.mobinet, source: 'file' },
    ],
  ],
  evaluatedModel: [mobinet.evaluatedModel, () => [run]],
  exportOptionsOf: [mobinet.exportOptionsOf, () => [run]],
  fitMicroBatches: [mobinet.fitMicroBatches, () => [run, { moreThan: 0, available: 1e9 }]],
  imageFromRgba: [mobinet.imageFromRgba, () => [rgba]],
  imagesFromArrays: [
    mobinet.imagesFromArrays,
    () => [{ height: 1, width: 2, pixels: image.pixels, labels: [0], classes: ['a'] }],
  ],
  prepareImages: [mobinet.prepareImages, () => [[image], preprocessing, 2]],
  openImageFolder: [mobinet.openImageFolder, () => ['folder', folderOptions]],
  openValidationFolder: [mobinet.openValidationFolder, () => ['folder', folderOptions]],
  openIdx: [mobinet.openIdx, () => ['idx', { limit: 2, onWarning: nothing }]],
  openValidationIdx: [mobinet.openValidationIdx, () => ['idx', { limit: 2, onWarning: nothing, classes: 2 }]],
  readIdx: [mobinet.readIdx, () => ['idx/train-labels-idx1-ubyte']],
  ImageLoader: [
    (source: never, given: never) => new mobinet.ImageLoader(source, given),
    () => [images, { ...loaderOptions, augment, rng: Rng.fromSeed(0) }],
  ],
  'ImageLoader, augment': [
    (augment: never) => new mobinet.ImageLoader(images, { ...loaderOptions, augment, rng }),
    () => [augment],
  ],
  forward: [(x: Tensor) => packed.forward(x), () => [batches()]],
  watch: [(x: Tensor, onLayer: never) => packed.watch(x, onLayer), () => [batches(), nothing]],
  programFor: [(x: Tensor) => void packed.programFor(x), () => [batches()]],
  resize: [resize, () => [image, 2, 2, image]],
  resizeShorterSide: [resizeShorterSide, () => [image, 2]],
  formatTable: [formatTable, () => [['a', 'b'], [[1, 'x']]]],
};

const startWith = (settings: Partial<mobinet.TrainingOptions>): void =>
  dispose(mobinet.newRun(network, { ...training, ...settings }, { classes, trainImages: 8 }).model);
const folderOptions = { limit: 2, valShare: 0.5, splitSeed: 1, maxSkipped: 0.1, onWarning: nothing };
const loaderOptions = {
  ...{ batchSize: 4, microBatches: 2, size: 16, resize: 16, mixup: 0, workers: 1, prefetch: 1, cacheBytes: 0 },
  ...{ reduce: false, exactSize: false, shuffle: true, dropLast: false, isolated: false },
  ...{ pixelLimit: 1000, decodeCpuLimit: 1, maxSkipped: 0, normalization, onWarning: nothing },
};
const evaluation = { signal: new AbortController().signal, onProgress: nothing, onBatch: async () => {} };

let folders = 0;
const newFolder = (): string => `made/${folders++}`;

type AsyncCalls = Readonly<
  Record<string, readonly [f: (...args: never[]) => Promise<unknown>, args: () => readonly unknown[]]>
>;

/** Right arguments of the functions that return a promise. */
const asyncCalls: AsyncCalls = {
  openShards: [mobinet.openShards, () => ['shards', folderOptions]],
  openValidationShards: [mobinet.openValidationShards, () => ['shards', { ...folderOptions, classes: 2 }]],
  packShards: [
    mobinet.packShards,
    () => [
      oneImage,
      ['dark'],
      newFolder(),
      {
        ...{ resize: 16, workers: 1, signal: new AbortController().signal, onWarning: nothing },
      },
    ],
  ],
  decodeImage: [mobinet.decodeImage, () => [Uint8Array.of(1, 2, 3), { pixelLimit: 100, side: 16 }]],
  evaluate: [mobinet.evaluate, () => [run.model, loader, evaluation]],
  comparePacked: [mobinet.comparePacked, () => [run, packed, loader, evaluation]],
  'ImageLoader of a source': [
    (source: mobinet.ImageSource) => drain(new mobinet.ImageLoader(source, { batchSize: 4, size: 16, rng }).epoch(0)),
    () => [{ length: 2, label: () => 0, image: () => image, name: () => 'x', classes: ['a'] }],
  ],
  epoch: [(epoch: never, range: never) => drain(loader.epoch(epoch, range)), () => [0, { startBatch: 0, endBatch: 1 }]],
  microBatches: [
    (epoch: never, range: never) => drain(loader.microBatches(epoch, range)),
    () => [0, { startBatch: 0, endBatch: 1 }],
  ],
  initializeFrom: [mobinet.initializeFrom, () => [run, 'checkpoint.safetensors']],
  loadPacked: [mobinet.loadPacked, () => ['model.safetensors']],
  loadClassifier: [mobinet.loadClassifier, () => ['model.safetensors']],
  classify: [classify, () => [rgba, { top: 1 }]],
  predict: [(given: never, options: never) => packed.predict(given, options), () => [[image], { top: 1 }]],
  ownFolder: [
    async (...args: Parameters<typeof mobinet.ownFolder>) => (await mobinet.ownFolder(...args)).close(),
    () => [newFolder(), { resumed: false }],
  ],
  ownNewFolder: [async (path: never) => (await mobinet.ownNewFolder(path)).close(), () => ['made']],
  readCheckpoint: [mobinet.readCheckpoint, () => ['checkpoint.safetensors']],
  readPacked: [mobinet.readPacked, () => ['model.safetensors']],
  readTeacher: [mobinet.readTeacher, () => ['model.safetensors']],
  refuseToOverwrite: [mobinet.refuseToOverwrite, () => ['folder']],
  saveFile: [mobinet.saveFile, () => ['file', 'content']],
  writePacked: [mobinet.writePacked, () => [run, 'file.safetensors']],
  imageFromBlob: [mobinet.imageFromBlob, () => [new Blob([image.pixels]), 'x']],
  imageFromPicture: [mobinet.imageFromPicture, () => [rgba, 'x']],
  train: [
    mobinet.train,
    () => [
      trained,
      { classes, train: images, val: images },
      {
        ...{ out: newFolder(), resumeFrom: 'x', checkpointMinutes: 10, workers: 1, maxSkipped: 0 },
        ...{
          signal: AbortSignal.abort(),
          onEpoch: nothing,
          onStep: nothing,
          onValidation: nothing,
          onWarning: nothing,
        },
      },
    ],
  ],
};

async function drain(batches: AsyncIterable<unknown>): Promise<void> {
  for await (const batch of batches) dispose(batch);
}

/** Functions that take records of data, which may have more fields than are read. */
const takesData = [
  ...['imageFromRgba', 'imagesFromArrays', 'encodeCheckpoint', 'evaluatedModel', 'exportOptionsOf', 'resize'],
  ...['makeOptimizer', 'registerNetwork', 'ImageLoader of a source'],
];

const here = process.cwd();
const folder = mkdtempSync(join(tmpdir(), 'mobinet-arguments-'));

beforeAll(async () => {
  vi.spyOn(console, 'warn').mockImplementation(nothing);
  process.chdir(folder);
  for (const name of ['folder/a', 'folder/b', 'idx', 'made']) mkdirSync(name, { recursive: true });
  for (const name of ['a/1', 'a/2', 'b/1', 'b/2']) await mobinet.saveFile(`folder/${name}.png`, '');
  const idx = (shape: readonly number[], values: readonly number[]): Uint8Array =>
    Uint8Array.of(0, 0, 8, shape.length, ...shape.flatMap((size) => [0, 0, 0, size]), ...values);
  for (const split of ['train', 't10k']) {
    await mobinet.saveFile(`idx/${split}-images-idx3-ubyte`, idx([2, 1, 1], [0, 255]));
    await mobinet.saveFile(`idx/${split}-labels-idx1-ubyte`, idx([2], [0, 1]));
  }
  await mobinet.saveFile('model.safetensors', packedBytes);
  await mobinet.saveFile('checkpoint.safetensors', mobinet.encodeCheckpoint(run));
  await mobinet.packShards(images, classes, 'shards', { resize: 16 });
});

afterAll(async () => {
  process.chdir(here);
  rmSync(folder, { recursive: true });
  await loader.close();
  vi.restoreAllMocks();
});

// The network keeps the program of the last batch size.
dispose(packed.forward(batches()));

describe('wrong arguments', () => {
  test.each(Object.entries(calls))('of %s are refused in words, and leave nothing behind', (_name, [f, args]) => {
    expect(faultsOf(null, f, args)).toEqual([]);
  });

  test.each(Object.entries(asyncCalls))('of %s are refused in words', async (_name, [f, args]) => {
    expect(await faultsOfAsync(f, args)).toEqual([]);
  });
});

const withOptions = Object.entries({ ...calls, ...asyncCalls })
  .filter(([name]) => !takesData.includes(name))
  .filter(([, [, args]]) => isRecord(args().at(-1)));

test.each(withOptions)('unknown options of %s are refused', async (_name, [f, args]) => {
  const call = async () => (f as (...args: readonly unknown[]) => unknown)(...args().slice(0, -1), misspelled(args()));
  await expect(call()).rejects.toThrow(/has no option "misspelled"/);
});

const misspelled = (args: readonly unknown[]): object => ({ ...(args.at(-1) as object), misspelled: 1 });

test('a run needs training images', () => {
  expect(() => mobinet.newRun(network, training, { classes, trainImages: 0 })).toThrow(
    /^newRun: trainImages must be a whole number of at least 1, not 0$/,
  );
});
