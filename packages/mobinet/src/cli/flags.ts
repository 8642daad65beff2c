import { resolve } from 'node:path';
import { describeRange, isInRange, type NumberRange, wholeNumbers } from '@mobinet/tensor';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Augmentation, cropPaddingRange, crops } from '../data/augment.js';
import { type ColorJitter, colorJitterRanges } from '../data/color-jitter.js';
import { openIdx } from '../data/idx.js';
import { type ImageFolderOptions, openImageFolder } from '../data/image-folder.js';
import { erasingDefaults, erasingValues, probabilityRange, type RandomErasing } from '../data/random-erasing.js';
import { checkInterval, type Interval, rectangleRanges } from '../data/random-rectangle.js';
import { resizedCropDefaults } from '../data/resized-crop.js';
import type { ImageDataset } from '../data/source.js';
import type { Network } from '../networks/network.js';
import type { NetworkOption } from '../networks/options.js';
import { optimizerNames, scheduleNames, type TrainingOptions, trainingRanges } from '../training/options.js';
import type { ImageLocation } from '../training/run.js';
import { networkFlag } from './network-flag.js';
import { say } from './output.js';

/** The values of a network's flags, keyed by the names of its options. */
export type NetworkFlags = Readonly<Record<string, unknown>>;

/** Flags whose names are shorter than those of their options. */
const shortNames: Readonly<Record<string, string>> = { imageSize: 'size' };

/** Adds a flag for each option of a network except its classes, which come from the images or from `addClassesFlag`. */
export function addNetworkFlags(command: Command, { options }: Network): Command {
  command.addOption(networkFlag());
  for (const [key, option] of Object.entries(options)) {
    if (key !== 'classes') command.addOption(flagOf(shortNames[key] ?? key, option));
  }
  return command;
}

/** Adds `--classes`, for commands that read no images. */
export function addClassesFlag(command: Command, { options: { classes } }: Network): Command {
  return command.addOption(flagOf('classes', classes));
}

const nameOfFlag = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

function flagOf(name: string, option: NetworkOption): Option {
  const flag = nameOfFlag(name);
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
  crop?: Augmentation['crop'];
  cropPadding?: number;
  cropScale?: Interval;
  cropRatio?: Interval;
  colorJitter?: ColorJitter;
  /** The probability of erasing a rectangle. */
  erase?: number;
  eraseValue?: RandomErasing['value'];
  /** False if images must not be mirrored. */
  flip?: boolean;
  seed?: number;
}

/** Adds the flags that set training options. */
export function addTrainingFlags(command: Command): Command {
  return command
    .option('--epochs <number>', 'number of passes over the training images', numberIn(trainingRanges.epochs))
    .option(
      '--patience <epochs>',
      'stop after this many epochs without improvement (default: 0, never)',
      numberIn(trainingRanges.patience),
    )
    .option('--batch <images>', 'images per training step', numberIn(trainingRanges.batchSize))
    .option(
      '--micro-batches <number>',
      'split each batch into this many parts to save memory (default: as few as fit into memory)',
      powerOfTwo,
    )
    .option('--lr <rate>', 'peak learning rate', numberIn(trainingRanges.learningRate))
    .addOption(new Option('--optimizer <name>', 'optimizer that updates the weights').choices(optimizerNames))
    .addOption(new Option('--schedule <name>', 'learning rate schedule').choices(scheduleNames))
    .option('--weight-decay <factor>', 'weight decay of non-binary weights', numberIn(trainingRanges.weightDecay))
    .option(
      '--label-smoothing <share>',
      'share of the target to spread over all classes',
      numberIn(trainingRanges.labelSmoothing),
    )
    .option(
      '--resize <pixels>',
      'scale the shorter side of images to this before cropping',
      numberIn(trainingRanges.resize),
    )
    .addOption(
      new Option(
        '--crop <kind>',
        'crop training images at the center, at a random position, or resized: a random part, scaled to the size',
      ).choices(crops),
    )
    .option(
      '--crop-padding <pixels>',
      'pad all sides of images by this, then crop at random',
      numberIn(cropPaddingRange),
    )
    .option(
      '--crop-scale <low,high>',
      `with --crop resized: interval of the part's share of the area (default: ${resizedCropDefaults.scale})`,
      intervalIn(rectangleRanges.scale),
    )
    .option(
      '--crop-ratio <low,high>',
      "with --crop resized: interval of the part's width / height (default: 0.75,1.333)",
      intervalIn(rectangleRanges.ratio),
    )
    .option(
      '--color-jitter <strengths>',
      'vary brightness, contrast and saturation by random factors of 1 ± this: one number, or three (0.4,0.4,0.2)',
      jitterStrengths,
    )
    .option(
      '--erase <probability>',
      'erase a random rectangle, 2 to 33 % of the area, of each training image with this probability',
      numberIn(probabilityRange),
    )
    .addOption(
      new Option(
        '--erase-value <value>',
        'what erased rectangles show: 0, the mean color, or random noise (default: 0)',
      )
        .choices(erasingValues.map(String))
        .argParser(erasingValue),
    )
    .option('--no-flip', 'do not mirror images, for data where left and right differ');
}

/** The training options `base`, overridden by the given flags. */
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

function augmentationOf(flags: TrainingFlags, base: Augmentation): Augmentation {
  const { cropScale, cropRatio, cropPadding, colorJitter, flip } = flags;
  return {
    ...base,
    ...definedOnly({ crop: cropOf(flags), cropScale, cropRatio, padding: cropPadding, colorJitter }),
    ...(flip === false && { flip }),
    ...erasingOf(flags, base),
  };
}

/** The kind of crop that was given, or that other flags imply. */
function cropOf({ crop, ...flags }: TrainingFlags): Augmentation['crop'] | undefined {
  const kinds = { cropPadding: 'random', cropScale: 'resized', cropRatio: 'resized' } as const;
  let chosen = crop;
  for (const [key, kind] of Object.entries(kinds)) {
    if (flags[key as keyof typeof kinds] === undefined) continue;
    if (chosen !== undefined && chosen !== kind) {
      throw new RangeError(
        `${nameOfFlag(key)} needs --crop ${kind}, not ${chosen}. Leave out the flags of one of them`,
      );
    }
    chosen = kind;
  }
  return chosen;
}

function erasingOf({ erase, eraseValue }: TrainingFlags, base: Augmentation): Pick<Augmentation, 'erase'> {
  if (erase === undefined && eraseValue === undefined) return {};
  if (erase === undefined && base.erase === undefined) {
    throw new RangeError('--erase-value needs --erase, the probability with which a rectangle is erased');
  }
  return { erase: { ...erasingDefaults, ...base.erase, ...definedOnly({ probability: erase, value: eraseValue }) } };
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
export function openData(location: ImageLocation, loading: LoadingFlags): ImageDataset {
  const { data, idx, limit } = location;
  const options = folderOptions(location, loading);
  if (idx !== undefined) return openIdx(idx, { limit, onWarning: options.onWarning });
  if (data !== undefined) return openImageFolder(data, options);
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

/** The flag for machine-readable output. */
export const jsonFlag = ['--json', 'print the result as a single JSON object'] as const;

/** A parser for a flag whose value is a number in this range. */
export function numberIn(range: NumberRange): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!isInRange(value, range)) throw new InvalidArgumentError(`It must be ${describeRange(range)}.`);
    return value;
  };
}

/** A parser for a flag whose value is two ascending numbers in this range, separated by a comma. */
export function intervalIn(range: NumberRange): (text: string) => Interval {
  return (text) => {
    const interval = text.split(',').map(numberIn(range));
    try {
      checkInterval('It', interval, range);
    } catch (error) {
      throw new InvalidArgumentError(`${(error as Error).message}.`);
    }
    return interval;
  };
}

/** Parses one strength for all, or three. */
function jitterStrengths(text: string): ColorJitter {
  const strengths = text.split(',').map(numberIn(colorJitterRanges.brightness));
  if (strengths.length !== 1 && strengths.length !== 3) {
    throw new InvalidArgumentError('It must be one number, or three: brightness,contrast,saturation.');
  }
  const [brightness, contrast = brightness, saturation = brightness] = strengths;
  return { brightness, contrast, saturation };
}

function erasingValue(text: string): RandomErasing['value'] {
  const value = erasingValues.find((value) => String(value) === text);
  if (value === undefined) throw new InvalidArgumentError(`Allowed choices are ${erasingValues.join(', ')}.`);
  return value;
}

/** A parser for a flag whose value is a whole number in this range. */
export const wholeNumber = (least: number, most?: number): ((text: string) => number) =>
  numberIn(wholeNumbers(least, most));

function powerOfTwo(text: string): number {
  const value = numberIn(trainingRanges.microBatches)(text);
  if (!Number.isInteger(Math.log2(value))) throw new InvalidArgumentError('It must be a power of two.');
  return value;
}

/** The range of a number of threads. Its upper end is more than any machine has. */
export const threadsRange = wholeNumbers(1, 256);

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** A copy without the entries that are undefined. */
function definedOnly<T extends object>(entries: T): Defined<T> {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as Defined<T>;
}
