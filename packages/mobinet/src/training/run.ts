import { ExponentialMovingAverage, type Module, type Optimizer } from '@mobinet/autograd';
import { checkNumber, checkRecord, wholeNumbers } from '@mobinet/tensor/functions';
import { checkArgument, checkKinds, kinds } from '../data/arguments.js';
import type { Fingerprint } from '../data/fingerprint.js';
import { mobinet } from '../networks/mobinet/network.js';
import { checkNetwork, makeWithoutMemory, type Network } from '../networks/network.js';
import type { ImageOptions } from '../networks/options.js';
import { copyTensors, modelTensors } from '../networks/tensors.js';
import type { TeacherRecord } from './distillation.js';
import { checkTraining, makeOptimizer, type TrainingOptions } from './options.js';
import type { SignChanges, Signs } from './signs.js';

/** The metrics of one epoch: a line of metrics.jsonl. Accuracies are in percent, losses in nats. */
export interface EpochMetrics {
  /** Counted from 1. */
  readonly epoch: number;
  /**
   * What training minimized: the mean cross-entropy of its steps, with the run's label smoothing, or with a teacher the
   * weighted sum of that and the distance from the teacher.
   */
  readonly trainLoss: number;
  /** Mean cross-entropy of the validation images, without label smoothing. */
  readonly valLoss: number;
  /**
   * The mean cross-entropy of the training steps without label smoothing, as in `valLoss`. Unlike there, each step was
   * measured while the network was still changing, and its images were augmented. Missing in epochs of old releases.
   */
  readonly trainCrossEntropy?: number;
  /** Top-1 accuracy in the training steps. Missing in epochs of old releases. */
  readonly trainTop1?: number;
  /** Top-1 accuracy of the validation images, in percent. */
  readonly top1: number;
  /**
   * Top-5 accuracy of the validation images, in percent; null with five classes or fewer, where every image would
   * count.
   */
  readonly top5: number | null;
  /** The learning rate of the epoch's last step. */
  readonly learningRate: number;
  /** Training throughput; validation is not included. */
  readonly imagesPerSecond: number;
  /** Duration of the epoch, including its validation. */
  readonly seconds: number;
  /** The signs of each binary layer, by the name of its weights. Missing in epochs of old releases. */
  readonly signs?: Readonly<Record<string, SignChanges>>;
}

/**
 * How far a run has come. Together with the seed it determines everything random: the order and augmentation of images
 * depend on nothing else.
 */
export interface Progress {
  /** Completed epochs. */
  epoch: number;
  /** Completed batches of the current epoch. */
  batch: number;
  /** Sum of the losses of all images in those batches. */
  lossSum: number;
  /** Number of images in those batches. */
  images: number;
  /** Time spent on those batches. */
  seconds: number;
  /** What was measured besides the loss. An epoch that an old release began lacks it in its first batches. */
  measured: { images: number; crossEntropySum: number; hits: number };
}

/** A training run: everything a checkpoint holds. */
export interface TrainingRun {
  /** The kind of network. */
  readonly network: Network;
  /** The options of the network, defaults included. */
  readonly options: ImageOptions;
  /** The network that is trained. */
  readonly model: Module;
  /** The optimizer and its state. */
  readonly optimizer: Optimizer;
  /** The moving averages of the network, which `evaluatedModel` returns; null without `training.ema`. */
  readonly average: ExponentialMovingAverage | null;
  /** How the network is trained. */
  readonly training: TrainingOptions;
  /** Names of the classes, in the order of the logits. */
  readonly classes: readonly string[];
  /** Images per epoch, skipped ones included. A run can only be resumed with the same number. */
  readonly trainImages: number;
  /** The preset that the settings started from, before flags changed them. */
  readonly preset?: string | undefined;
  /** Where the images are, so that resuming does not have to ask for them again. */
  readonly source?: ImageLocation | undefined;
  /** Identifies the images, so that the run resumes with the same ones. Missing in old checkpoints. */
  fingerprint?: Fingerprint | undefined;
  /**
   * Name and version of the image decoder, since another one may give other bits. Missing where images are not files.
   */
  decoder?: string | undefined;
  /** The checkpoint whose weights the run started from (`initializeFrom`). Missing if they were random. */
  init?: string | undefined;
  /** The teacher, if `training.distillation` is set. `train` records it. */
  teacher?: TeacherRecord | undefined;
  /** How far the run has come. */
  progress: Progress;
  /** The signs at the end of the previous epoch; null where they are not known. */
  signs: Signs | null;
  /** The metrics of all completed epochs. */
  readonly history: EpochMetrics[];
}

/**
 * An image folder or a folder of IDX files, how it is split if it has no split of its own, and how many images of each
 * split are used.
 */
export interface ImageLocation {
  /** The path of an image folder. */
  readonly data?: string | undefined;
  /** The path of a folder of IDX files. */
  readonly idx?: string | undefined;
  /** The number of images of each split. Missing for all. */
  readonly limit?: number | undefined;
  /** The share of each class that is held out for validation. */
  readonly valShare?: number | undefined;
  /** The seed that draws the validation images. */
  readonly splitSeed?: number | undefined;
}

/** Progress at the start of an epoch, counted from 0. */
export const startOfEpoch = (epoch: number): Progress => ({
  epoch,
  batch: 0,
  lossSum: 0,
  images: 0,
  seconds: 0,
  measured: { images: 0, crossEntropySum: 0, hits: 0 },
});

/** The data and the kind of network of a new run. */
export interface NewRun extends Pick<TrainingRun, 'classes' | 'trainImages' | 'preset' | 'source' | 'fingerprint'> {
  /** The kind of network. Default: MoBiNet. */
  readonly network?: Network | undefined;
}

/**
 * Starts a run with freshly initialized weights.
 *
 * @param options Options of the network; missing ones take their defaults. The number of classes is that of the data.
 * @param training How it is trained, such as `paperTraining` or the `training` of a preset.
 * @param about The names of the classes, the number of training images, and the kind of network.
 * @throws RangeError or TypeError, one line, for invalid options.
 * @example
 * ```ts
 * import { newRun, presets } from 'mobinet';
 *
 * const { model, training } = presets.small();
 * const run = newRun({ ...model, width: 0.25 }, training, { classes: ['cat', 'dog'], trainImages: 1000 });
 * console.log(`${run.network.name} for ${run.options.classes} classes, epoch ${run.progress.epoch}`);
 * // → mobinet for 2 classes, epoch 0
 * ```
 */
export function newRun(
  options: Readonly<Record<string, unknown>>,
  training: TrainingOptions,
  about: NewRun,
): TrainingRun {
  checkRecord('newRun: the options of the network', options);
  checkTraining(training);
  checkKinds('newRun', about, newRunKinds);
  checkArgument('newRun: classes', about.classes, kinds.names);
  checkNumber('newRun: trainImages', about.trainImages, wholeNumbers(1));
  const { network = mobinet, ...data } = about;
  checkNetwork(network);
  const resolved = network.resolve({ ...options, classes: data.classes.length });
  // Checkpoints are read through `makeWithoutMemory`, so a network that fails there could never be resumed.
  makeWithoutMemory(network, resolved).dispose();
  const model = network.make(resolved);
  return {
    network,
    options: resolved,
    model,
    optimizer: makeOptimizer(training),
    average: training.ema > 0 ? averageOf(model, network.make(resolved), training.ema) : null,
    training,
    ...data,
    progress: startOfEpoch(0),
    signs: null,
    history: [],
  };
}

const newRunKinds = {
  classes: kinds.names,
  trainImages: null,
  preset: kinds.text,
  source: kinds.record,
  fingerprint: null,
  network: null,
};

/** Starts the averages of a network with its values. @param other Another network of the same kind, for the averages. */
function averageOf(model: Module, other: Module, decay: number): ExponentialMovingAverage {
  copyTensors(modelTensors(model), other);
  return new ExponentialMovingAverage(other, { decay });
}

/**
 * The network of a run that is evaluated, packed and exported: the averages if the run has any (`training.ema`).
 *
 * @param run The run.
 *
 * @example
 * ```ts
 * import { evaluatedModel, newRun, paperTraining } from 'mobinet';
 *
 * const data = { classes: ['cat', 'dog'], trainImages: 100 };
 * for (const ema of [0, 0.999]) {
 *   const run = newRun({ width: 0.25, imageSize: 32 }, { ...paperTraining, ema }, data);
 *   console.log(evaluatedModel(run) === run.model);
 * }
 * // → true
 * // → false
 * ```
 */
export function evaluatedModel(run: Pick<TrainingRun, 'model' | 'average'>): Module {
  checkArgument('evaluatedModel: the network of the run', run?.model, kinds.module);
  return run.average?.module ?? run.model;
}

/** Frees the tensors of a run. */
export function disposeRun({ model, optimizer, average }: Pick<TrainingRun, 'model' | 'optimizer' | 'average'>): void {
  for (const part of [model, optimizer, average]) part?.dispose();
}
