import {
  decodeSafetensors,
  dispose,
  encodeSafetensors,
  FormatError,
  memory,
  type Tensor,
  zeros,
} from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.js';
import { contentsOf, free, mobinetOf } from './fixtures.test.helper.js';
import { paperTraining } from './options.js';
import { newRun, type TrainingRun } from './run.js';

const source = { data: '/photos', limit: 24, valShare: 0.2, splitSeed: 3 };
const images = { images: 8, hash: '0123456789abcdef' };
const fingerprint = { train: [images, images, images], val: [images, images, images] };
const data = { classes: ['cat', 'dog', 'ö'], trainImages: 24, source, fingerprint };

const training = { ...paperTraining, batchSize: 10 };

const binaryLayer = 'units.0.depthwise.conv.weight';

/** A run whose moments and progress differ from their initial values. */
function advanced(): TrainingRun {
  const run = newRun({ width: 0.0625, k: 1, imageSize: 32 }, training, data);
  const gradients = { classifier: { weight: zeros([3, 64]), bias: zeros([3]) } };
  gradients.classifier.weight.values.fill(0.25);
  run.optimizer.update({ classifier: mobinetOf(run).classifier }, gradients);
  dispose(gradients);
  mobinetOf(run).stem.norm.runningMean.values[1] = 1.5;
  const measured = { images: 20, crossEntropySum: 1 / 7, hits: 9 };
  run.progress = { epoch: 2, batch: 2, lossSum: 1 / 3, images: 20, seconds: 1.25, measured };
  run.signs = new Map([[binaryLayer, Uint32Array.of(0xf000_0001, 9)]]);
  const metrics = { trainLoss: 1, valLoss: 2, top1: 50, learningRate: 0.1, imagesPerSecond: 7, seconds: 4.5 };
  // Old files have a top-5 for three classes, too.
  for (const [index, top5] of [100, null].entries()) run.history.push({ ...metrics, epoch: index + 1, top5 });
  const signs = { [binaryLayer]: { weights: 36, negative: 17, flipped: 3 } };
  run.history.push({ ...run.history.pop()!, trainCrossEntropy: 0.5, trainTop1: 60, signs });
  return run;
}

describe('checkpoints', () => {
  test('restore every tensor and all progress', () => {
    const run = advanced();
    const bytes = encodeCheckpoint(run);
    const restored = decodeCheckpoint(bytes);
    expect(contentsOf(encodeCheckpoint(restored))).toEqual(contentsOf(bytes));
    const { classes, trainImages, progress, signs, history } = run;
    expect(restored).toMatchObject({ training, classes, trainImages, source, fingerprint, progress, signs, history });
    expect(restored.optimizer.step).toBe(1);
    expect([...restored.optimizer.state.tensors.keys()]).toEqual([...run.optimizer.state.tensors.keys()]);
    expect(restored.options).toEqual(run.options);
    expect(mobinetOf(restored).stem.norm.runningMean.values[1]).toBe(1.5);
    free(run);
    free(restored);
  });

  type Parts = ReturnType<typeof decodeSafetensors>;

  /** A checkpoint with something changed. */
  function corrupted(change: (parts: Parts) => void): Uint8Array {
    const run = advanced();
    const parts = decodeSafetensors(encodeCheckpoint(run));
    const before = [...parts.tensors.values()];
    // Without a checksum, as in old files, the changes get past that first check.
    delete parts.metadata.checksum;
    change(parts);
    const bytes = encodeSafetensors(parts.tensors, parts.metadata);
    dispose([before, parts.tensors]);
    free(run);
    return bytes;
  }

  test('from before some settings existed are resumed without them', () => {
    const { microBatches, patience, warmupEpochs, ema, mixup, ...before } = training;
    const restored = decodeCheckpoint(corrupted(runWith({ training: before })));
    expect(restored.training).toEqual({ ...training, microBatches: 1, patience: 0, warmupEpochs: 0, ema: 0, mixup: 0 });
    free(restored);
  });

  test('from before more than the loss was measured are resumed, and measure the rest of the epoch', () => {
    const run = advanced();
    const { measured, ...before } = run.progress;
    free(run);
    const restored = decodeCheckpoint(
      corrupted((parts) => {
        runWith({ progress: before })(parts);
        parts.tensors.delete(`signs.${binaryLayer}`);
      }),
    );
    expect(restored.progress.measured).toEqual({ images: 0, crossEntropySum: 0, hits: 0 });
    expect(restored.signs).toBeNull();
    free(restored);
  });

  function expectRefused(bytes: Uint8Array, message = ''): void {
    const before = memory();
    let error: unknown;
    try {
      decodeCheckpoint(bytes, 'run/checkpoint');
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(FormatError);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).toMatch(/^run\/checkpoint: .+$/);
    expect((error as Error).message).not.toMatch(/\n/);
    expect(memory()).toEqual(before);
  }

  const runWith = (changes: object) => (parts: Parts) => {
    parts.metadata.run = JSON.stringify({ ...JSON.parse(parts.metadata.run), ...changes });
  };
  const progressWith = (changes: object) =>
    runWith({ progress: { epoch: 2, batch: 2, lossSum: 1, images: 20, seconds: 1, ...changes } });
  const numberIn = (name: string, value: number) => (parts: Parts) => {
    (parts.tensors.get(name) as Tensor).values[0] = value;
  };
  const trainingWith = (changes: object) => runWith({ training: { ...training, ...changes } });
  const reshaped = ({ tensors }: Parts) => tensors.set('model.classifier.weight', zeros([64, 3]));

  const cases: [what: string, change: (parts: Parts) => void, message: string][] = [
    ['another format', ({ metadata }) => delete metadata.format, 'not a training checkpoint'],
    [
      'a packed model',
      ({ metadata }) => (metadata.format = 'mobinet'),
      'not a training checkpoint, but a packed model',
    ],
    ['another version', ({ metadata }) => (metadata.version = '7'), 'format version 7 is not supported, only 1'],
    [
      'a missing weight',
      ({ tensors }) => tensors.delete('model.stem.conv.weight'),
      'tensor model.stem.conv.weight is missing',
    ],
    [
      'a missing running mean',
      ({ tensors }) => tensors.delete('model.units.2.extra.norm.runningMean'),
      'tensor model.units.2.extra.norm.runningMean is missing',
    ],
    [
      'a weight of another shape',
      reshaped,
      'tensor model.classifier.weight is f32 [64,3], but the network has f32 [3,64]',
    ],
    [
      'a moment of an unknown parameter',
      ({ tensors }) => tensors.set('optimizer.mean.nobody', zeros([2])),
      'tensor optimizer.mean.nobody does not match any parameter',
    ],
    [
      'a moment of another shape',
      ({ tensors }) => tensors.set('optimizer.mean.classifier.bias', zeros([2])),
      'tensor optimizer.mean.classifier.bias does not match any parameter',
    ],
    [
      'signs of another number of weights',
      ({ tensors }) => tensors.set(`signs.${binaryLayer}`, zeros([3], 'i32')),
      `tensor signs.${binaryLayer} does not match any binary weights`,
    ],
    [
      'signs of weights that are not binary',
      ({ tensors }) => tensors.set('signs.classifier.bias', zeros([1], 'i32')),
      'tensor signs.classifier.bias does not match any binary weights',
    ],
    ['more measured images than images', progressWith({ measured: { images: 21 } }), 'run.progress.measured'],
    [
      'an average of a run without averages',
      ({ tensors }) => tensors.set('average.classifier.bias', zeros([3])),
      'tensor average.classifier.bias does not match any parameter',
    ],
    ['no averages', trainingWith({ ema: 0.9 }), 'tensors average.stem.conv.weight, average.stem.norm.'],
    ['averages that never change', trainingWith({ ema: 1 }), 'run.training.ema must be a number from 0 to below 1'],
    ['no options', ({ metadata }) => delete metadata.options, 'cannot read the metadata'],
    ['options that are cut off', ({ metadata }) => (metadata.options = '{"block":\n"mid"'), 'cannot read the metadata'],
    [
      'a larger network than in the file',
      ({ metadata }) => (metadata.options = '{"width":2}'),
      'tensor model.stem.conv.weight is f32 [2,3,3,3], but the network has f32 [64,',
    ],
    [
      'an unknown network',
      ({ metadata }) => (metadata.network = 'lenet'),
      'unknown network "lenet" (registered: mobinet',
    ],
    ['no run', ({ metadata }) => delete metadata.run, 'cannot read the metadata'],
    ['a run that is null', ({ metadata }) => (metadata.run = 'null'), 'run must be an object, not null'],
    ['no progress', runWith({ progress: undefined }), 'run.progress is missing'],
    [
      'progress without a number',
      runWith({ progress: { epoch: 'one' } }),
      'run.progress.epoch must be a number, not "one"',
    ],
    ['a history that is not a list', runWith({ history: { 0: 1 } }), 'run.history must be a list'],
    ['a history that is too short', runWith({ history: [] }), 'run.history must be a list of the 2 completed epochs'],
    ['a history without losses', runWith({ history: [{ epoch: 1 }, 0] }), 'run.history.0.trainLoss is missing'],
    ['progress beyond the end', progressWith({ epoch: 51 }), 'run.progress.epoch must be a whole number from 0 to 50'],
    ['a batch beyond the epoch', progressWith({ batch: 4 }), 'run.progress.batch must be a whole number from 0 to 3'],
    ['a fraction of a batch', progressWith({ batch: 0.5 }), 'run.progress.batch must be a whole number from 0 to 3'],
    ['more steps than batches', runWith({ steps: 9 }), 'run.steps must be a whole number from 0 to 8, not 9'],
    ['no images', runWith({ trainImages: 0 }), 'run.trainImages must be a whole number of at least 1'],
    ['a duplicate class', runWith({ classes: ['a', 'b', 'a'] }), 'classes lists "a" twice'],
    [
      'a standard deviation of 0',
      trainingWith({ normalization: { mean: [0, 0, 0], std: [0, 1, 1] } }),
      'normalization.std[0]',
    ],
    ['a resize to nothing', trainingWith({ resize: 0 }), 'run.training.resize must be a whole number from 1 to 16384'],
    ['half a batch', trainingWith({ batchSize: 0.5 }), 'run.training.batchSize must be a whole number'],
    ['smoothing of 2', trainingWith({ labelSmoothing: 2 }), 'run.training.labelSmoothing must be a number from 0 to 1'],
    ['a negative mixup', trainingWith({ mixup: -1 }), 'run.training.mixup must be a number from 0 to 100'],
    [
      'an unknown crop',
      trainingWith({ augment: { ...training.augment, crop: 1 } }),
      'run.training.augment.crop must be',
    ],
    [
      'an erasing of nothing',
      trainingWith({ augment: { ...training.augment, erase: {} } }),
      'run.training.augment.erase.probability must be',
    ],
    ['a huge image', ({ metadata }) => (metadata.options = '{"imageSize":5000}'), 'one image needs 8.30 GB of memory'],
    ['a NaN weight', numberIn('model.stem.conv.weight', Number.NaN), 'model.stem.conv.weight contains a NaN'],
    [
      'an infinite moment',
      numberIn('optimizer.mean.classifier.bias', Number.POSITIVE_INFINITY),
      'tensor optimizer.mean.classifier.bias contains a NaN or infinite value',
    ],
    [
      'a negative mean square',
      numberIn('optimizer.square.classifier.bias', -1),
      'tensor optimizer.square.classifier.bias contains a negative variance',
    ],
    [
      'a negative variance',
      numberIn('model.stem.norm.runningVariance', -1e-3),
      'tensor model.stem.norm.runningVariance contains a negative variance',
    ],
    [
      'an unknown tensor',
      ({ tensors }) => tensors.set('model.nobody', zeros([2])),
      'tensor model.nobody does not belong to this network',
    ],
    ['unknown metadata', ({ metadata }) => (metadata.checksun = ''), 'unknown metadata key "checksun"'],
    ['a wrong checksum', ({ metadata }) => (metadata.checksum = '0'.repeat(32)), 'do not match its checksum'],
    ['too few classes', runWith({ classes: ['a'] }), 'classes must be a list of 3 names'],
    ['a source that is not an object', runWith({ source: 5 }), 'run.source must be an object, not 5'],
    ['a folder that is not a string', runWith({ source: { data: 5 } }), 'run.source.data must be a string, not 5'],
    [
      'fingerprints of other classes',
      runWith({ fingerprint: { train: [images], val: [images] } }),
      'run.fingerprint.train must have 3 entries, not 1',
    ],
    ['an unknown optimizer', trainingWith({ optimizer: 'lion' }), 'run.training.optimizer must be one of adam, '],
    [
      'signs of an optimizer without momentum',
      trainingWith({ exchange: 'signs', optimizer: 'rmsprop' }),
      'run.training.exchange cannot be signs with the optimizer rmsprop, which has no momentum to send',
    ],
    [
      'three micro-batches',
      trainingWith({ microBatches: 3 }),
      'run.training.microBatches must be a power of two, not 3',
    ],
    [
      'a teacher without weight',
      trainingWith({ distillation: { weight: 0, temperature: 4 } }),
      'run.training.distillation.weight must be a number above 0, up to 1, not 0',
    ],
    ['a teacher without file', runWith({ teacher: { hash: '' } }), 'run.teacher.file is missing'],
    [
      'a hash that is a number',
      runWith({ teacher: { file: '', hash: 5 } }),
      'run.teacher.hash must be a string, not 5',
    ],
    [
      'a teacher of no epochs',
      runWith({ teacher: { file: '', epochs: 0 } }),
      'run.teacher.epochs must be a whole number from 1 to 1000000, not 0',
    ],
    ['initial weights that are a number', runWith({ init: 5 }), 'run.init must be a string, not 5'],
    ['a preset that is a list', runWith({ preset: [] }), 'run.preset must be a string, not []'],
    ['a decoder that is null', runWith({ decoder: null }), 'run.decoder must be a string, not null'],
    ['an unknown schedule', trainingWith({ schedule: 'toString' }), 'run.training.schedule must be one of step, '],
    ['only a warm-up', trainingWith({ warmupEpochs: 50 }), 'run.training.warmupEpochs must be less than the 50 epochs'],
    [
      'a learning rate that is not a number',
      trainingWith({ learningRate: null }),
      'run.training.learningRate must be a number, not null',
    ],
  ];

  test.each(cases)('with %s are refused in one line', (_, change, message) => {
    expectRefused(corrupted(change), message);
  });

  test('that are cut off are refused', () => {
    const bytes = corrupted(() => {});
    free(decodeCheckpoint(bytes));
    for (const length of [0, 7, 50, 5000, bytes.length - 4, bytes.length - 1]) expectRefused(bytes.subarray(0, length));
  });
});
