import type { Module, Optimizer } from '@mobinet/autograd';
import {
  assign,
  checkNumber,
  type DType,
  dispose,
  FormatError,
  type Tensor,
  tidy,
  toHost,
  wholeNumbers,
  withBackend,
} from '@mobinet/tensor';
import { messageOf, oneLine } from '../data/errors.js';
import type { Fingerprint } from '../data/fingerprint.js';
import { checkpointFormat, decodeChecked, encodeChecked } from '../export/checked-file.js';
import { checkClasses, checkFinite, checkLike } from '../export/metadata.js';
import { mobinet } from '../networks/mobinet/network.js';
import { makeWithoutMemory, type Network, networkNamed } from '../networks/network.js';
import type { ImageOptions } from '../networks/options.js';
import { checkSaved, modelTensors } from '../networks/tensors.js';
import { checkTraining, makeOptimizer, paperTraining, type TrainingOptions } from './options.js';

/** One line of metrics.jsonl. Rates are in percent, losses in nats. */
export interface EpochMetrics {
  /** Counted from 1. */
  readonly epoch: number;
  readonly trainLoss: number;
  readonly valLoss: number;
  readonly top1: number;
  /** null where there are no more than five classes: every image would count. */
  readonly top5: number | null;
  /** The rate of the epoch's last step. */
  readonly learningRate: number;
  /** Over the steps alone. */
  readonly imagesPerSecond: number;
  /** How long the epoch took, its validation included. */
  readonly seconds: number;
}

/** How far a run has come. With the seed it says all about what is random: order and augmentation depend on nothing else. */
export interface Progress {
  /** Whole epochs done. */
  epoch: number;
  /** Batches done of the epoch after these. */
  batch: number;
  /** Over those batches: the sum of the images' losses, the images, and the time it took. */
  lossSum: number;
  images: number;
  seconds: number;
}

/** A training run: all that a checkpoint holds. */
export interface TrainingRun {
  /** What kind of network it is. */
  readonly network: Network;
  readonly options: ImageOptions;
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly training: TrainingOptions;
  /** Names of the classes, in the order of the logits. */
  readonly classes: readonly string[];
  /** How many images an epoch has, skipped ones included: a run can only go on with as many. */
  readonly trainImages: number;
  /** What its settings were before flags changed them. */
  readonly preset?: string | undefined;
  /** Where its images are, so that it can go on without being told again. */
  readonly source?: ImageLocation;
  /** What its images are, so that it goes on with the same ones. Runs that were saved before this was kept have none. */
  fingerprint?: Fingerprint | undefined;
  /** What decoded its images, with its version, since another one may give other bits. Images that are no files need none. */
  decoder?: string | undefined;
  progress: Progress;
  readonly history: EpochMetrics[];
}

/** An image folder or a folder of IDX files, how it is split where it is not, and how many images of each split are used. */
export interface ImageLocation {
  readonly data?: string | undefined;
  readonly idx?: string | undefined;
  readonly limit?: number | undefined;
  readonly valShare?: number | undefined;
  readonly splitSeed?: number | undefined;
}

export const startOfEpoch = (epoch: number): Progress => ({ epoch, batch: 0, lossSum: 0, images: 0, seconds: 0 });

/** What a new run is told of its data, and of its network. */
export interface NewRun extends Pick<TrainingRun, 'classes' | 'trainImages' | 'preset' | 'source' | 'fingerprint'> {
  /** The kind of network. Default: MoBiNet. */
  readonly network?: Network | undefined;
}

/** A run that starts with freshly initialised weights. @param options Those of the network, as far as they are not its defaults. */
export function newRun(
  options: Readonly<Record<string, unknown>>,
  training: TrainingOptions,
  { network = mobinet, ...data }: NewRun,
): TrainingRun {
  checkTraining(training);
  const resolved = network.resolve({ ...options, classes: data.classes.length });
  // A network that cannot be made so could not be taken up from its checkpoint.
  makeWithoutMemory(network, resolved).dispose();
  return {
    network,
    options: resolved,
    model: network.make(resolved),
    optimizer: makeOptimizer(training),
    training,
    ...data,
    progress: startOfEpoch(0),
    history: [],
  };
}

/** The run as a safetensors file: parameters, running statistics, the optimizer's memory, and its progress. */
export function encodeCheckpoint(run: TrainingRun): Uint8Array {
  const { network, options, model, optimizer, training, classes, trainImages, progress, history } = run;
  const { preset, source, fingerprint, decoder } = run;
  const tensors = new Map<string, Tensor<DType>>();
  for (const [name, tensor] of modelTensors(model)) tensors.set(`model.${name}`, tensor);
  for (const [name, tensor] of optimizer.state.tensors) tensors.set(`optimizer.${name}`, tensor);
  return encodeChecked(checkpointFormat, tensors, {
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
      progress,
      history,
      steps: optimizer.state.step,
    }),
  });
}

/**
 * Takes up a saved run where it stopped.
 * @param source What errors call the file.
 * @throws FormatError, one line, if the file is not a whole checkpoint.
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
  const model = network.make(options);
  try {
    for (const [name, target] of modelTensors(model)) assign(target, tensors.get(`model.${name}`) as Tensor);
    const optimizer = restoreOptimizer(rest.training, steps, model, tensors, source);
    return { network, options, model, optimizer, ...rest };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** Before memory is taken for the network: a few bytes of metadata could ask for any size. */
function checkModelTensors(
  network: Network,
  options: ImageOptions,
  tensors: ReadonlyMap<string, Tensor<DType>>,
  source: string,
): void {
  tidy(() => {
    const own = modelTensors(makeWithoutMemory(network, options));
    for (const [name, tensor] of own) checkSaved(tensor, tensors.get(`model.${name}`), `model.${name}`, source);
    for (const name of tensors.keys()) {
      if (name.startsWith('model.') && !own.has(name.slice('model.'.length))) {
        throw new FormatError(oneLine(`${source}: tensor ${name} does not belong to this network`));
      }
    }
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
    if (name.startsWith('model.')) continue;
    const slot = name.slice('optimizer.'.length);
    const parameter = parameters.get(slot.slice(slot.indexOf('.') + 1));
    const isMoment = name.startsWith('optimizer.');
    if (!isMoment || !parameter || tensor.dtype !== 'f32' || tensor.shape.join() !== parameter.shape.join()) {
      throw new FormatError(oneLine(`${source}: tensor ${name} belongs to no parameter of this network`));
    }
    moments.set(slot, tensor as Tensor);
  }
  optimizer.load({ step, tensors: moments });
  return optimizer;
}

type SavedRun = Omit<TrainingRun, 'network' | 'options' | 'model' | 'optimizer'> & { readonly steps: number };

function readMetadata(metadata: Record<string, string>, tensors: ReadonlyMap<string, Tensor<DType>>, source: string) {
  try {
    // There was one kind alone when older checkpoints were made.
    const network = networkNamed(metadata.network ?? mobinet.name);
    const options = network.resolve(JSON.parse(metadata.options));
    checkModelTensors(network, options, tensors, source);
    const run = withLaterSettings(JSON.parse(metadata.run));
    checkLike(run, exampleRun, 'run');
    const saved = run as SavedRun;
    checkTraining(saved.training, 'run.training');
    checkClasses(saved.classes, options.classes);
    checkLocation(saved.source);
    if (saved.preset !== undefined) checkLike(saved.preset, '', 'run.preset');
    checkFingerprint(saved.fingerprint, options.classes);
    if (saved.decoder !== undefined) checkLike(saved, { decoder: '' }, 'run');
    checkProgress(saved);
    return { network, options, run: saved };
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(oneLine(`${source}: its metadata cannot be read: ${messageOf(error)}`));
  }
}

/** Fills in what was not there to be set when older checkpoints were made, so that they go on as they did. */
function withLaterSettings(run: { training?: object } | null): unknown {
  if (typeof run?.training !== 'object') return run;
  return { ...run, training: { microBatches: 1, patience: 0, ...run.training } };
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

function checkLocation(source: unknown): void {
  if (source === undefined) return;
  const example = { data: '', idx: '', limit: 1, valShare: 0.5, splitSeed: 0 };
  const given = Object.keys(Object(source)).filter((key) => key in example) as (keyof typeof example)[];
  checkLike(source, Object.fromEntries(given.map((key) => [key, example[key]])), 'run.source');
}

function checkFingerprint(fingerprint: unknown, classes: number): void {
  if (fingerprint === undefined) return;
  const ofClasses = new Array(classes).fill({ images: 1, hash: '' });
  checkLike(fingerprint, { train: ofClasses, val: ofClasses }, 'run.fingerprint');
}

/** A run that is somewhere within its epochs, and tells of each that is behind it. */
function checkProgress({ training, trainImages, progress, steps, history }: SavedRun): void {
  const batches = Math.ceil(checkNumber('run.trainImages', trainImages, wholeNumbers(1)) / training.batchSize);
  const { epoch, batch } = progress;
  checkNumber('run.progress.epoch', epoch, wholeNumbers(0, training.epochs));
  // At the end of an epoch the next one begins, and after the last there is none.
  checkNumber('run.progress.batch', batch, wholeNumbers(0, epoch < training.epochs ? batches : 0));
  checkNumber('run.progress.images', progress.images, wholeNumbers(0, trainImages));
  checkNumber('run.progress.seconds', progress.seconds, { from: 0 });
  // Batches without an image that can be decoded are none.
  checkNumber('run.steps', steps, wholeNumbers(0, epoch * batches + batch));
  if (!Array.isArray(history) || history.length !== epoch) {
    throw new RangeError(`run.history must be a list of the ${epoch} epochs that are done`);
  }
  history.forEach((metrics, index) => {
    const name = `run.history.${index}`;
    checkLike(metrics, exampleMetrics, name);
    const { epoch, top5 } = metrics as EpochMetrics;
    checkNumber(`${name}.epoch`, epoch, wholeNumbers(index + 1, index + 1));
    if (top5 !== null) checkNumber(`${name}.top5`, top5, { from: 0, to: 100 });
  });
}

/**
 * The run on the CPU, for files to be written from it: itself if it is there, else a copy, whose network and optimizer are the caller's to
 * dispose of.
 *
 * @param options.salvage As that of `toHost`.
 */
export async function runOnHost(run: TrainingRun, { salvage = false } = {}): Promise<TrainingRun> {
  const { network, options, model, optimizer, training } = run;
  const tensors = modelTensors(model);
  if ([...tensors.values()].every(({ backend }) => backend === 'cpu')) return run;
  const [saved, moments] = await Promise.all([tensors, optimizer.state.tensors].map((all) => onHost(all, salvage)));
  return withBackend('cpu', () => {
    const copy = network.make(options);
    for (const [name, target] of modelTensors(copy)) assign(target, saved.get(name)!);
    const other = makeOptimizer(training);
    other.load({ step: optimizer.step, tensors: moments });
    dispose([saved, moments]);
    return { ...run, model: copy, optimizer: other };
  });
}

async function onHost(tensors: ReadonlyMap<string, Tensor>, salvage: boolean): Promise<Map<string, Tensor>> {
  return new Map(
    await Promise.all(
      Array.from(tensors, async ([name, tensor]) => [name, await toHost(tensor, { salvage })] as const),
    ),
  );
}
