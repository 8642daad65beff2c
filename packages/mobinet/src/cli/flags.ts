import { resolve } from 'node:path';
import { describeRange, isInRange, type NumberRange, wholeNumbers } from '@mobinet/tensor';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Augmentation, cropPaddingRange } from '../data/augment.js';
import { openIdx } from '../data/idx.js';
import { type ImageFolderOptions, openImageFolder } from '../data/image-folder.js';
import type { ImageDataset } from '../data/source.js';
import { choices, defaultOptions, type MoBiNetOptions, optionRanges } from '../model/options.js';
import { optimizerNames, scheduleNames, type TrainingOptions, trainingRanges } from '../training/options.js';
import type { ImageLocation } from '../training/run.js';
import { say } from './output.js';

/** The flags of a network, as commander reads them; absent ones are undefined. */
export interface ArchitectureFlags {
  block?: MoBiNetOptions['block'];
  k?: number;
  activation?: MoBiNetOptions['activation'];
  skip?: MoBiNetOptions['skip'];
  pool?: MoBiNetOptions['pool'];
  width?: number;
  classes?: number;
  size?: number;
  stemStride?: MoBiNetOptions['stemStride'];
  padding?: MoBiNetOptions['padding'];
  estimator?: MoBiNetOptions['estimator'];
  scalingGradient?: MoBiNetOptions['scalingGradient'];
  precision?: MoBiNetOptions['precision'];
  seed?: number;
}

export function addArchitectureFlags(command: Command): Command {
  const choice = (flags: string, description: string, key: keyof typeof choices) =>
    command.addOption(
      new Option(flags, `${description} (default: ${defaultOptions[key]})`).choices(choices[key].map(String)),
    );
  choice('--block <name>', 'where the extra point-wise convolution of a unit stands', 'block');
  command.option(
    '--k <number>',
    `K-dependency: groups of 2^K channels (default: ${defaultOptions.k})`,
    numberIn(optionRanges.k),
  );
  choice('--activation <name>', 'what follows a binary convolution', 'activation');
  choice('--skip <name>', 'which segments have a skip connection', 'skip');
  choice('--pool <name>', 'what halves the images', 'pool');
  command.option('--width <number>', 'multiplies all channel counts', numberIn(optionRanges.width));
  command.option('--size <pixels>', 'height and width of the input', numberIn(optionRanges.imageSize));
  choice('--stem-stride <number>', 'stride of the first convolution', 'stemStride').options.at(-1)?.argParser(Number);
  choice('--padding <name>', 'what surrounds the signs of an image: +1, or nothing', 'padding');
  choice('--estimator <name>', 'straight-through estimator of the activations', 'estimator');
  choice('--scaling-gradient <name>', 'how scaling factors take part in the gradient', 'scalingGradient');
  choice('--precision <name>', 'what the units compute on: bits, or floats for comparison', 'precision');
  return command.option('--seed <number>', 'seed of all that is random (default: 0)', numberIn(trainingRanges.seed));
}

/** The options that were given, under their names in the library. Flags of other kinds are left out. */
export function architectureOf({ size, ...flags }: ArchitectureFlags): Partial<MoBiNetOptions> {
  const given = definedOnly({ ...flags, imageSize: size });
  return Object.fromEntries(Object.entries(given).filter(([name]) => name in defaultOptions));
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

/** How the images of a place are opened: its limit, its split, and what hears of warnings. */
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

/** Of threads: more than any machine has. */
export const threadsRange = wholeNumbers(1, 256);

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the entries that are undefined. */
function definedOnly<T extends object>(entries: T): Defined<T> {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as Defined<T>;
}
