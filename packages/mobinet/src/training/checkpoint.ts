import { ExponentialMovingAverage, type Module, type Optimizer } from '@mobinet/autograd';
import {
  assign,
  checkNumber,
  type DType,
  dispose,
  FormatError,
  type Tensor,
  tensor,
  tidy,
  wholeNumbers,
  withBackend,
} from '@mobinet/tensor/functions';
import { checkArgument, kinds } from '../data/arguments.js';
import { messageOf, oneLine } from '../data/errors.js';
import { checkpointFormat, decodeChecked, encodeChecked } from '../export/checked-file.js';
import { checkClasses, checkFinite, checkLike } from '../export/metadata.js';
import { mobinet } from '../networks/mobinet/network.js';
import { makeWithoutMemory, type Network, networkNamed } from '../networks/network.js';
import type { ImageOptions } from '../networks/options.js';
import { checkSaved, modelTensors } from '../networks/tensors.js';
import type { TeacherRecord } from './distillation.js';
import { checkTraining, makeOptimizer, paperTraining, type TrainingOptions, trainingRanges } from './options.js';
import { type EpochMetrics, startOfEpoch, type TrainingRun } from './run.js';
import { type SignChanges, type Signs, wordsFor } from './signs.js';

/**
 * The run as a safetensors file: parameters, running statistics, optimizer state and progress. Within an epoch, also
 * the signs that its end will be compared with; between two epochs, those are the signs of the weights.
 *
 * @returns The bytes of the file, with a checksum.
 * @example
 * ```ts
 * import { decodeCheckpoint, encodeCheckpoint, newRun, paperTraining } from 'mobinet';
 *
 * const run = newRun({ width: 0.25, imageSize: 32 }, paperTraining, { classes: ['cat', 'dog'], trainImages: 100 });
 * const bytes = encodeCheckpoint(run); // await saveFile('run.safetensors', bytes)
 * console.log(decodeCheckpoint(bytes).trainImages);
 * // → 100
 * ```
 */
export function encodeCheckpoint(run: TrainingRun): Uint8Array {
  checkArgument('encodeCheckpoint: the run', run, kinds.run);
  const { network, options, optimizer, training, classes, trainImages, progress, history } = run;
  const { preset, source, fingerprint, decoder, init, teacher, signs } = run;
  const metadata = {
    network: network.name,
    options: JSON.stringify(options),
    run: JSON.stringify({
      training,
      classes,
      trainImages,
      preset,
      source,
      fingerprint,
      decoder,
      init,
      teacher,
      progress,
      history,
      steps: optimizer.state.step,
    }),
  };
  return withBackend('cpu', () =>
    tidy(() => {
      const saved = progress.batch > 0 ? (signs ?? []) : [];
      const tensors: Map<string, Tensor<DType>> = savedTensors(run);
      for (const [name, words] of saved) tensors.set(`signs.${name}`, integers(words));
      return encodeChecked(checkpointFormat, tensors, metadata);
    }),
  );
}

/** All tensors of a run, by their names in checkpoints. */
export function savedTensors({ model, average, optimizer }: TrainingRun): Map<string, Tensor> {
  const prefixed = (prefix: string, tensors: ReadonlyMap<string, Tensor>) =>
    Array.from(tensors, ([name, tensor]) => [prefix + name, tensor] as const);
  return new Map([
    ...prefixed('model.', modelTensors(model)),
    ...(average ? prefixed('average.', modelTensors(average.module)) : []),
    ...prefixed('optimizer.', inOrderOf(model.parameters(), optimizer.state.tensors)),
  ]);
}

/** The tensors of an optimizer in the order of the parameters, however the optimizer divides its work. */
function inOrderOf(parameters: ReadonlyMap<string, Tensor>, tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const places = new Map([...parameters.keys()].map((name, place) => [name, place]));
  const placeOf = (name: string): number => places.get(name.slice(name.indexOf('.') + 1)) ?? -1;
  return new Map([...tensors].sort(([a], [b]) => placeOf(a) - placeOf(b)));
}

/**
 * Restores a saved run, ready to be resumed where it stopped. Its network must be registered: see `registerNetwork`.
 *
 * @param bytes The contents of a checkpoint.
 * @param source The name of the file in error messages. Default: `'checkpoint'`.
 * @throws FormatError, one line, if the file is not an intact checkpoint.
 * @example
 * ```ts
 * import { FormatError } from '@mobinet/tensor';
 * import { createMoBiNet, decodeCheckpoint, packModel } from 'mobinet';
 *
 * try {
 *   decodeCheckpoint(packModel(createMoBiNet({ width: 0.25, imageSize: 32 })), 'model.mobinet.safetensors');
 * } catch (error) {
 *   console.log(error instanceof FormatError); // a packed model cannot be resumed
 * }
 * // → true
 * ```
 */
export function decodeCheckpoint(bytes: Uint8Array, source = 'checkpoint'): TrainingRun {
  const { tensors, metadata } = decodeChecked(bytes, checkpointFormat, source);
  try {
    return restore(metadata, tensors, source);
  } finally {
    dispose(tensors);
  }
}

function restore(
  metadata: Record<string, string>,
  tensors: ReadonlyMap<string, Tensor<DType>>,
  source: string,
): TrainingRun {
  const { network, options, run } = readMetadata(metadata, tensors, source);
  const { steps, ...rest } = run;
  for (const [name, tensor] of tensors) checkFinite(name, tensor, source);
  const made: Module[] = [];
  const restoreModule = (prefix: Prefix): Module => {
    const module = network.make(options);
    made.push(module);
    for (const [name, target] of modelTensors(module)) assign(target, tensors.get(prefix + name) as Tensor);
    return module;
  };
  try {
    const model = restoreModule('model.');
    const { ema } = rest.training;
    const average =
      ema > 0 ? new ExponentialMovingAverage(restoreModule('average.'), { decay: ema, updates: steps }) : null;
    const signs = restoreSigns(model, tensors, source);
    const optimizer = restoreOptimizer(rest.training, steps, model, tensors, source);
    return { network, options, model, optimizer, average, signs, ...rest };
  } catch (error) {
    for (const module of made) module.dispose();
    throw error;
  }
}

/** What the names of a network's tensors begin with: those that are trained, or their averages. */
type Prefix = 'model.' | 'average.';

/** A network, and the tensors of the file that has its values. */
interface SavedNetwork {
  readonly network: Network;
  readonly options: ImageOptions;
  readonly tensors: ReadonlyMap<string, Tensor<DType>>;
  /** The name of the file in error messages. */
  readonly source: string;
}

/** Runs before memory is taken for the network, since a few bytes of metadata could ask for any size. */
function checkModelTensors(prefix: Prefix, { network, options, tensors, source }: SavedNetwork): void {
  tidy(() => {
    const prefixed = <T>(tensors: ReadonlyMap<string, T>) =>
      new Map(Array.from(tensors, ([name, x]) => [prefix + name, x]));
    const own = prefixed(modelTensors(makeWithoutMemory(network, options)));
    checkSaved(own, new Map([...tensors].filter(([name]) => name.startsWith(prefix))), source);
  });
}

function restoreOptimizer(
  training: TrainingOptions,
  step: number,
  model: Module,
  tensors: ReadonlyMap<string, Tensor<DType>>,
  source: string,
): Optimizer {
  const optimizer = makeOptimizer(training);
  const parameters = model.parameters();
  const moments = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    if (/^(model|signs)\./.test(name) || (training.ema > 0 && name.startsWith('average.'))) continue;
    const slot = name.slice('optimizer.'.length);
    const parameter = parameters.get(slot.slice(slot.indexOf('.') + 1));
    const isMoment = name.startsWith('optimizer.');
    if (!isMoment || !parameter || tensor.dtype !== 'f32' || tensor.shape.join() !== parameter.shape.join()) {
      throw new FormatError(oneLine(`${source}: tensor ${name} does not match any parameter of this network`));
    }
    moments.set(slot, tensor as Tensor);
  }
  optimizer.load({ step, tensors: moments });
  return optimizer;
}

function restoreSigns(model: Module, tensors: ReadonlyMap<string, Tensor<DType>>, source: string): Signs | null {
  const signs = new Map<string, Uint32Array>();
  const parameters = model.parameters();
  for (const [name, { dtype, values, size }] of tensors) {
    if (!name.startsWith('signs.')) continue;
    const layer = name.slice('signs.'.length);
    const weights = parameters.get(layer);
    if (!weights?.binary || dtype !== 'i32' || size !== wordsFor(weights.size)) {
      throw new FormatError(oneLine(`${source}: tensor ${name} does not match any binary weights of this network`));
    }
    signs.set(layer, Uint32Array.from(values));
  }
  return signs.size > 0 ? signs : null;
}

/** The words as a tensor, which has no unsigned dtype of 32 bits. */
const integers = (words: Uint32Array): Tensor<'i32'> => tensor(Int32Array.from(words), { dtype: 'i32' });

type SavedRun = Omit<TrainingRun, 'network' | 'options' | 'model' | 'optimizer' | 'average' | 'signs'> & {
  readonly steps: number;
};

function readMetadata(metadata: Record<string, string>, tensors: ReadonlyMap<string, Tensor<DType>>, source: string) {
  try {
    // Old checkpoints do not name their network: there was only MoBiNet.
    const network = networkNamed(metadata.network ?? mobinet.name);
    const options = network.resolve(JSON.parse(metadata.options));
    checkModelTensors('model.', { network, options, tensors, source });
    const run = withMissingSettings(JSON.parse(metadata.run));
    checkLike(run, exampleRun, 'run');
    const saved = run as SavedRun;
    checkTraining(saved.training, 'run.training');
    if (saved.training.ema > 0) checkModelTensors('average.', { network, options, tensors, source });
    checkClasses(saved.classes, options.classes);
    checkGiven(saved.source, { data: '', idx: '', limit: 1, valShare: 0.5, splitSeed: 0 }, 'run.source');
    checkFingerprint(saved.fingerprint, options.classes);
    checkGiven(saved, { preset: '', decoder: '', init: '' }, 'run');
    checkTeacherRecord(saved.teacher);
    checkProgress(saved);
    return { network, options, run: saved };
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(oneLine(`${source}: cannot read the metadata: ${messageOf(error)}`));
  }
}

/** Adds settings that did not exist yet when old checkpoints were written, with the values those runs had. */
function withMissingSettings(run: { training?: object; progress?: object } | null): unknown {
  if (typeof run?.training !== 'object') return run;
  const { measured } = startOfEpoch(0);
  return {
    ...run,
    training: withDefaults(run.training, {
      microBatches: 1,
      exchange: 'exact',
      patience: 0,
      warmupEpochs: 0,
      ema: 0,
      mixup: 0,
    }),
    ...(typeof run.progress === 'object' && { progress: withDefaults(run.progress, { measured }) }),
  };
}

/** Appends what a record lacks. What it has keeps its order, so that a resumed run writes the same bytes. */
function withDefaults(record: object, defaults: object): object {
  return { ...record, ...Object.fromEntries(Object.entries(defaults).filter(([key]) => !(key in record))) };
}

const exampleMetrics: Omit<EpochMetrics, 'top5'> = {
  epoch: 1,
  trainLoss: 0,
  valLoss: 0,
  top1: 0,
  learningRate: 0,
  imagesPerSecond: 0,
  seconds: 0,
};

const exampleRun = { training: paperTraining, trainImages: 1, progress: startOfEpoch(0), steps: 0 };

/** Checks a record whose fields are all optional, and which may be missing itself. */
function checkGiven(value: unknown, example: Readonly<Record<string, unknown>>, name: string): void {
  if (value === undefined) return;
  const given = Object.keys(Object(value)).filter((key) => Object.hasOwn(example, key));
  checkLike(value, Object.fromEntries(given.map((key) => [key, example[key]])), name);
}

function checkTeacherRecord(teacher: unknown): void {
  if (teacher === undefined) return;
  checkLike(teacher, { file: '' }, 'run.teacher');
  checkGiven(teacher, { hash: '' }, 'run.teacher');
  const { epochs } = teacher as TeacherRecord;
  if (epochs !== undefined) checkNumber('run.teacher.epochs', epochs, trainingRanges.epochs);
}

function checkFingerprint(fingerprint: unknown, classes: number): void {
  if (fingerprint === undefined) return;
  const ofClasses = new Array(classes).fill({ images: 1, hash: '' });
  checkLike(fingerprint, { train: ofClasses, val: ofClasses }, 'run.fingerprint');
}

/** Checks that the progress lies within the epochs of the run, and that there are metrics for each completed epoch. */
function checkProgress({ training, trainImages, progress, steps, history }: SavedRun): void {
  const batches = Math.ceil(checkNumber('run.trainImages', trainImages, wholeNumbers(1)) / training.batchSize);
  const { epoch, batch } = progress;
  checkNumber('run.progress.epoch', epoch, wholeNumbers(0, training.epochs));
  // The end of an epoch is the start of the next one, so no batch can follow the last epoch.
  checkNumber('run.progress.batch', batch, wholeNumbers(0, epoch < training.epochs ? batches : 0));
  checkNumber('run.progress.images', progress.images, wholeNumbers(0, trainImages));
  checkNumber('run.progress.seconds', progress.seconds, { from: 0 });
  checkNumber('run.progress.measured.images', progress.measured.images, wholeNumbers(0, progress.images));
  // There may be fewer steps than batches: a batch in which no image can be decoded makes none.
  checkNumber('run.steps', steps, wholeNumbers(0, epoch * batches + batch));
  if (!Array.isArray(history) || history.length !== epoch) {
    throw new RangeError(`run.history must be a list of the ${epoch} completed epochs`);
  }
  history.forEach((metrics, index) => {
    const name = `run.history.${index}`;
    checkLike(metrics, exampleMetrics, name);
    const { epoch, top5, trainCrossEntropy = 0, trainTop1 = 0, signs = {} } = metrics as EpochMetrics;
    checkNumber(`${name}.epoch`, epoch, wholeNumbers(index + 1, index + 1));
    if (top5 !== null) checkNumber(`${name}.top5`, top5, { from: 0, to: 100 });
    checkNumber(`${name}.trainCrossEntropy`, trainCrossEntropy, { from: 0 });
    checkNumber(`${name}.trainTop1`, trainTop1, { from: 0, to: 100 });
    checkLike(signs, {}, `${name}.signs`);
    for (const [layer, changes] of Object.entries(signs)) checkChanges(changes, `${name}.signs.${layer}`);
  });
}

function checkChanges(changes: SignChanges, name: string): void {
  checkLike(changes, { weights: 1, negative: 0 }, name);
  const all = checkNumber(`${name}.weights`, changes.weights, wholeNumbers(1));
  checkNumber(`${name}.negative`, changes.negative, wholeNumbers(0, all));
  if (changes.flipped !== null) checkNumber(`${name}.flipped`, changes.flipped, wholeNumbers(0, all));
}
