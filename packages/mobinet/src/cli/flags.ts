import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { openIdx } from '../data/idx.js';
import type { ImageFolderOptions } from '../data/image-folder.js';
import type { ImageDataset } from '../data/source.js';
import type { Network } from '../networks/network.js';
import type { NetworkOption } from '../networks/options.js';
import { openImages } from '../shards/open-images.js';
import {
  exchangeNames,
  optimizerNames,
  scheduleNames,
  type TrainingOptions,
  trainingRanges,
} from '../training/options.js';
import type { ImageLocation } from '../training/run.js';
import { type AugmentationFlags, addAugmentationFlags, augmentationOf } from './augmentation-flags.js';
import { definedOnly } from './defined-only.js';
import { networkFlag } from './network-flag.js';
import { numberIn, threadsRange, wholeNumber } from './number-flags.js';
import { say } from './output.js';
import { addTeacherFlags, distillationOf, type TeacherFlags } from './teacher-flags.js';

/** The values of a network's flags, keyed by the names of its options. */
export type NetworkFlags = Readonly<Record<string, unknown>>;

/** Flags whose names are shorter than those of their options. */
const shortNames: Readonly<Record<string, string>> = { imageSize: 'size' };

/** Adds a flag for each option of a network except its classes, which come from the images or from `addClassesFlag`. */
export function addNetworkFlags(command: Command, { options }: Network): Command {
  command.addOption(networkFlag());
  for (const [key, option] of Object.entries(options)) {
    if (key !== 'classes') command.addOption(flagOf(key, option));
  }
  return command;
}

/** Adds `--classes`, for commands that read no images. */
export function addClassesFlag(command: Command, { options: { classes } }: Network): Command {
  return command.addOption(flagOf('classes', classes));
}

/** The flag of a network's option, such as `--stem-stride`. */
export function flagNamed(option: string): string {
  const name = shortNames[option] ?? option;
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function flagOf(name: string, option: NetworkOption): Option {
  const flag = flagNamed(name);
  const help = `${option.help} (default: ${option.default})`;
  if ('range' in option) return new Option(`${flag} <number>`, help).argParser(numberIn(option.range));
  const choices = option.choices.map(String);
  return new Option(`${flag} <name>`, help).choices(choices).argParser((text) => {
    const chosen = option.choices[choices.indexOf(text)];
    if (chosen === undefined) throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`);
    return chosen;
  });
}

/** The options of a network that were given as flags. All other flags are ignored. */
export function networkOptionsOf(flags: NetworkFlags, { options }: Network): Record<string, unknown> {
  const given = Object.keys(options).map((key) => [key, flags[shortNames[key] ?? key]]);
  return definedOnly(Object.fromEntries(given));
}

/** The error for flags of a network that is read from a file. */
export const architectureIsFixed = (source: string): string =>
  `a ${source} already defines its architecture. Leave out the flags that describe one`;

/** The flags that set training options. */
export interface TrainingFlags extends AugmentationFlags, TeacherFlags {
  epochs?: number;
  batch?: number;
  microBatches?: number;
  exchange?: TrainingOptions['exchange'];
  patience?: number;
  lr?: number;
  optimizer?: TrainingOptions['optimizer'];
  schedule?: TrainingOptions['schedule'];
  warmupEpochs?: number;
  weightDecay?: number;
  labelSmoothing?: number;
  mixup?: number;
  ema?: number;
  resize?: number;
  seed?: number;
}

/** Adds the flags that set training options. */
export function addTrainingFlags(command: Command): Command {
  command
    .option('--epochs <number>', 'number of passes over the training images', numberIn(trainingRanges.epochs))
    .option(
      '--patience <epochs>',
      'stop after this many epochs without improvement (default: 0, never)',
      numberIn(trainingRanges.patience),
    )
    .option('--batch <images>', 'images per training step', numberIn(trainingRanges.batchSize))
    .option(
      '--micro-batches <number>',
      'split each batch into this many parts, to save memory or to divide them among processes (default: as few as fit into memory, and one for each process)',
      powerOfTwo,
    )
    .addOption(
      new Option(
        '--exchange <kind>',
        'how several processes add up gradients: exactly, or by signs, with a 32nd of the bytes (docs/distributed.md)',
      ).choices(exchangeNames),
    )
    .option('--lr <rate>', 'peak learning rate', numberIn(trainingRanges.learningRate))
    .addOption(new Option('--optimizer <name>', 'optimizer that updates the weights').choices(optimizerNames))
    .addOption(new Option('--schedule <name>', 'learning rate schedule').choices(scheduleNames))
    .option(
      '--warmup-epochs <number>',
      'epochs in which the learning rate rises linearly to its peak, before the schedule (default: 0)',
      numberIn(trainingRanges.warmupEpochs),
    )
    .option('--weight-decay <factor>', 'weight decay of non-binary weights', numberIn(trainingRanges.weightDecay))
    .option(
      '--label-smoothing <share>',
      'share of the target to spread over all classes',
      numberIn(trainingRanges.labelSmoothing),
    )
    .option(
      '--mixup <alpha>',
      'mix each image and its loss with another one, in shares from Beta(alpha, alpha) (default: 0, none)',
      numberIn(trainingRanges.mixup),
    )
    .option(
      '--ema <decay>',
      'evaluate, keep and pack moving averages of the weights with this decay, such as 0.999 (default: 0, none)',
      numberIn(trainingRanges.ema),
    )
    .option(
      '--resize <pixels>',
      'scale the shorter side of images to this before cropping',
      numberIn(trainingRanges.resize),
    );
  return addAugmentationFlags(addTeacherFlags(command));
}

/** The training options `base`, overridden by the given flags. */
export function trainingOf(flags: TrainingFlags, base: TrainingOptions): TrainingOptions {
  const given = definedOnly({
    epochs: flags.epochs,
    patience: flags.patience,
    batchSize: flags.batch,
    microBatches: flags.microBatches,
    exchange: flags.exchange,
    learningRate: flags.lr,
    optimizer: flags.optimizer,
    schedule: flags.schedule,
    warmupEpochs: flags.warmupEpochs,
    weightDecay: flags.weightDecay,
    labelSmoothing: flags.labelSmoothing,
    mixup: flags.mixup,
    ema: flags.ema,
    resize: flags.resize,
    seed: flags.seed,
  });
  const distillation = distillationOf(flags, base.distillation);
  return { ...base, ...given, ...(distillation && { distillation }), augment: augmentationOf(flags, base.augment) };
}

/** The flags that say which images to use. */
export type DataFlags = Omit<ImageLocation, 'splitSeed'> & { seed?: number };

/** A command's help texts for --data and --val-share. */
export interface DataHelp {
  readonly data: string;
  readonly valShare: string;
}

/** Adds the flags that say which images to use. */
export function addDataFlags(command: Command, help: DataHelp): Command {
  return command
    .addOption(new Option('--data <folder>', help.data).conflicts('idx'))
    .option('--idx <folder>', 'folder of IDX files, such as MNIST or Fashion-MNIST')
    .addOption(
      new Option('--val-share <share>', help.valShare).argParser(numberIn({ above: 0, below: 1 })).conflicts('idx'),
    )
    .option('--limit <images>', 'use only this many images of each split, balanced across classes', wholeNumber(1));
}

/** The options for opening an image folder: its limit, its split, and the callback for warnings. */
export function folderOptions(
  { limit, valShare, splitSeed }: ImageLocation,
  { maxSkipped }: LoadingFlags,
): ImageFolderOptions {
  return { limit, valShare, splitSeed, maxSkipped, onWarning: (message) => say(`warning: ${message}`) };
}

/** Opens the images to train on. */
export async function openData(location: ImageLocation, loading: LoadingFlags): Promise<ImageDataset> {
  const { data, idx, limit } = location;
  const options = folderOptions(location, loading);
  if (idx !== undefined) return openIdx(idx, { limit, onWarning: options.onWarning });
  if (data !== undefined) return openImages(data, options);
  throw new RangeError(noImagesGiven);
}

/** The error if no flag names any images. */
export const noImagesGiven = 'no images were given. Use --data FOLDER or --idx FOLDER';

/** The location of images given by flags, as absolute paths; null if there is none. */
export function locationOf({ data, idx, limit, valShare, seed }: DataFlags): ImageLocation | null {
  if (data === undefined && idx === undefined) return null;
  return definedOnly({ data: data && resolve(data), idx: idx && resolve(idx), limit, valShare, splitSeed: seed });
}

/** The location of images that a run stores in its checkpoint. */
export function recordOf({ data, idx, limit }: ImageLocation, { split }: ImageDataset): ImageLocation {
  return definedOnly({ data: data && resolve(data), idx: idx && resolve(idx), limit, ...split });
}

/** The flags for decoding images. */
export interface LoadingFlags {
  workers?: number;
  maxSkipped?: number;
}

/** Adds the flags for decoding images. */
export function addLoadingFlags(command: Command): Command {
  return command
    .option(
      '--workers <threads>',
      'image decoding threads (default: number of processors - 1, at most 8)',
      numberIn(threadsRange),
    )
    .option(
      '--max-skipped <share>',
      'skip up to this share of the images if they cannot be decoded (default: 0.01; fewer than ten are always skipped)',
      numberIn({ from: 0, to: 1 }),
    );
}

/** The loader options given by flags. */
export const loadingOf = ({ workers, maxSkipped }: LoadingFlags) => definedOnly({ workers, maxSkipped });

/**
 * The flag for machine-readable output, as the arguments of Commander's `option`.
 *
 * @example
 * ```ts
 * import { Command } from 'commander';
 * import { jsonFlag } from 'mobinet/cli';
 *
 * const command = new Command('count').option(...jsonFlag);
 * console.log(command.parse(['--json'], { from: 'user' }).opts());
 * // → { json: true }
 * ```
 */
export const jsonFlag = ['--json', 'print the result as a single JSON object'] as const;

function powerOfTwo(text: string): number {
  const value = numberIn(trainingRanges.microBatches)(text);
  if (!Number.isInteger(Math.log2(value))) throw new InvalidArgumentError('It must be a power of two.');
  return value;
}
