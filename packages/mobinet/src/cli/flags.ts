import { resolve } from 'node:path';
import { describeRange, isInRange, type NumberRange, wholeNumbers } from '@mobinet/tensor';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Augmentation, cropPaddingRange } from '../data/augment.js';
import { openIdx } from '../data/idx.js';
import { type ImageFolderOptions, openImageFolder } from '../data/image-folder.js';
import type { ImageDataset } from '../data/source.js';
import type { Network } from '../networks/network.js';
import type { NetworkOption } from '../networks/options.js';
import { optimizerNames, scheduleNames, type TrainingOptions, trainingRanges } from '../training/options.js';
import type { ImageLocation } from '../training/run.js';
import { networkFlag } from './network-flag.js';
import { say } from './output.js';

/** The values of a network's flags, by the names of its options. */
export type NetworkFlags = Readonly<Record<string, unknown>>;

/** What flags are called whose options have longer names. */
const shortNames: Readonly<Record<string, string>> = { imageSize: 'size' };

/** A flag for each option of a network but its classes, which images or a flag of another kind tell. */
export function addNetworkFlags(command: Command, { options }: Network): Command {
  command.addOption(networkFlag());
  for (const [key, option] of Object.entries(options)) {
    if (key !== 'classes') command.addOption(flagOf(shortNames[key] ?? key, option));
  }
  return command;
}

/** How many classes there are, for commands that see no images. */
export function addClassesFlag(command: Command, { options: { classes } }: Network): Command {
  return command.addOption(flagOf('classes', classes));
}

function flagOf(name: string, option: NetworkOption): Option {
  const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const help = `${option.help} (default: ${option.default})`;
  if ('range' in option) return new Option(`${flag} <number>`, help).argParser(numberIn(option.range));
  const choices = option.choices.map(String);
  return new Option(`${flag} <name>`, help).choices(choices).argParser((text) => {
    const chosen = option.choices[choices.indexOf(text)];
    if (chosen === undefined) throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`);
    return chosen;
  });
}

/** The options of a network that were given. Flags of other kinds are left out. */
export function networkOptionsOf(flags: NetworkFlags, { options }: Network): Record<string, unknown> {
  const given = Object.keys(options).map((key) => [key, flags[shortNames[key] ?? key]]);
  return definedOnly(Object.fromEntries(given));
}

/** Why a network that is read from a file takes none of these flags. */
export const hasItsOwn = (source: string): string =>
  `a ${source} has an architecture of its own. Leave out the flags that describe one`;

export interface TrainingFlags {
  epochs?: number;
  batch?: number;
  microBatches?: number;
  patience?: number;
  lr?: number;
  optimizer?: TrainingOptions['optimizer'];
  schedule?: TrainingOptions['schedule'];
  weightDecay?: number;
  labelSmoothing?: number;
  resize?: number;
  cropPadding?: number;
  /** False where images are not to be mirrored. */
  flip?: boolean;
  seed?: number;
}

export function addTrainingFlags(command: Command): Command {
  return command
    .option('--epochs <number>', 'how often each image is seen', numberIn(trainingRanges.epochs))
    .option(
      '--patience <epochs>',
      'stop after so many epochs that were no better (default: 0, never)',
      numberIn(trainingRanges.patience),
    )
    .option('--batch <images>', 'images in a step', numberIn(trainingRanges.batchSize))
    .option(
      '--micro-batches <number>',
      'pieces that a batch is worked off in, to need less memory (default: as few as fit into it)',
      powerOfTwo,
    )
    .option('--lr <rate>', 'highest learning rate', numberIn(trainingRanges.learningRate))
    .addOption(new Option('--optimizer <name>', 'what changes the weights').choices(optimizerNames))
    .addOption(new Option('--schedule <name>', 'how the learning rate changes').choices(scheduleNames))
    .option('--weight-decay <factor>', 'pull on weights that are not binary', numberIn(trainingRanges.weightDecay))
    .option(
      '--label-smoothing <share>',
      'share of the target that is spread over all classes',
      numberIn(trainingRanges.labelSmoothing),
    )
    .option(
      '--resize <pixels>',
      'scale the shorter side of images to this before cutting',
      numberIn(trainingRanges.resize),
    )
    .option('--crop-padding <pixels>', 'pad images by this and cut anywhere', numberIn(cropPaddingRange))
    .option('--no-flip', 'do not mirror images, as where left and right differ');
}

/** `base` with the flags that were given. */
export function trainingOf(flags: TrainingFlags, base: TrainingOptions): TrainingOptions {
  const given = definedOnly({
    epochs: flags.epochs,
    patience: flags.patience,
    batchSize: flags.batch,
    microBatches: flags.microBatches,
    learningRate: flags.lr,
    optimizer: flags.optimizer,
    schedule: flags.schedule,
    weightDecay: flags.weightDecay,
    labelSmoothing: flags.labelSmoothing,
    resize: flags.resize,
    seed: flags.seed,
  });
  return { ...base, ...given, augment: augmentationOf(flags, base.augment) };
}

function augmentationOf({ cropPadding, flip }: TrainingFlags, base: Augmentation): Augmentation {
  return {
    ...base,
    ...(cropPadding !== undefined && { crop: 'random', padding: cropPadding }),
    ...(flip === false && { flip }),
  };
}

export type DataFlags = Omit<ImageLocation, 'splitSeed'> & { seed?: number };

/** What --data and --val-share do for a command. */
export interface DataHelp {
  readonly data: string;
  readonly valShare: string;
}

export function addDataFlags(command: Command, help: DataHelp): Command {
  return command
    .addOption(new Option('--data <folder>', help.data).conflicts('idx'))
    .option('--idx <folder>', 'IDX files, such as those of MNIST and Fashion-MNIST')
    .addOption(
      new Option('--val-share <share>', help.valShare).argParser(numberIn({ above: 0, below: 1 })).conflicts('idx'),
    )
    .option(
      '--limit <images>',
      'use only this many images of each split, taken evenly from the classes',
      wholeNumber(1),
    );
}

/** How the images of a place are opened: its limit, its split, and the callback for warnings. */
export function folderOptions(
  { limit, valShare, splitSeed }: ImageLocation,
  { maxSkipped }: LoadingFlags,
): ImageFolderOptions {
  return { limit, valShare, splitSeed, maxSkipped, onWarning: (message) => say(`warning: ${message}`) };
}

/** Opens the images to train on. */
export function openData(location: ImageLocation, loading: LoadingFlags): ImageDataset {
  const { data, idx, limit } = location;
  const options = folderOptions(location, loading);
  if (idx !== undefined) return openIdx(idx, { limit, onWarning: options.onWarning });
  if (data !== undefined) return openImageFolder(data, options);
  throw new RangeError(noImages);
}

export const noImages = 'no images were named. Use --data FOLDER or --idx FOLDER';

/** The place that flags name, wherever the program is run from; null where they name none. */
export function locationOf({ data, idx, limit, valShare, seed }: DataFlags): ImageLocation | null {
  if (data === undefined && idx === undefined) return null;
  return definedOnly({ data: data && resolve(data), idx: idx && resolve(idx), limit, valShare, splitSeed: seed });
}

/** What a run keeps of where its images are. */
export function recordOf({ data, idx, limit }: ImageLocation, { split }: ImageDataset): ImageLocation {
  return definedOnly({ data: data && resolve(data), idx: idx && resolve(idx), limit, ...split });
}

export interface LoadingFlags {
  workers?: number;
  maxSkipped?: number;
}

/** How images are decoded. */
export function addLoadingFlags(command: Command): Command {
  return command
    .option(
      '--workers <threads>',
      'threads that decode images (default: one less than processors, at most 8)',
      numberIn(threadsRange),
    )
    .option(
      '--max-skipped <share>',
      'go on though up to this share of the images cannot be decoded (default: 0.01, or fewer than ten images)',
      numberIn({ from: 0, to: 1 }),
    );
}

export const loadingOf = ({ workers, maxSkipped }: LoadingFlags) => definedOnly({ workers, maxSkipped });

export const jsonFlag = ['--json', 'print the result as one JSON object'] as const;

/** Reads the value of a flag that is a number in this range. */
export function numberIn(range: NumberRange): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!isInRange(value, range)) throw new InvalidArgumentError(`It must be ${describeRange(range)}.`);
    return value;
  };
}

export const wholeNumber = (least: number, most?: number): ((text: string) => number) =>
  numberIn(wholeNumbers(least, most));

function powerOfTwo(text: string): number {
  const value = numberIn(trainingRanges.microBatches)(text);
  if (!Number.isInteger(Math.log2(value))) throw new InvalidArgumentError('It must be a power of two.');
  return value;
}

/** The range of a number of threads; its upper end is more than any machine has. */
export const threadsRange = wholeNumbers(1, 256);

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the entries that are undefined. */
function definedOnly<T extends object>(entries: T): Defined<T> {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as Defined<T>;
}
