import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Augmentation, cropPaddingRange, crops, rotationRange } from '../data/augment.js';
import { type ColorJitter, colorJitterRanges } from '../data/color-jitter.js';
import { erasingDefaults, erasingValues, probabilityRange, type RandomErasing } from '../data/random-erasing.js';
import { type Interval, rectangleRanges } from '../data/random-rectangle.js';
import { resizedCropDefaults } from '../data/resized-crop.js';
import { definedOnly } from './defined-only.js';
import { intervalIn, numberIn } from './number-flags.js';

/** The flags that set how training images are augmented. */
export interface AugmentationFlags {
  crop?: Augmentation['crop'];
  cropPadding?: number;
  cropScale?: Interval;
  cropRatio?: Interval;
  colorJitter?: ColorJitter;
  /** The probability of erasing a rectangle. */
  erase?: number;
  eraseValue?: RandomErasing['value'];
  /** How images are mirrored; false for `--no-flip`, which is the same as `none`. */
  flip?: (typeof flips)[number] | false;
  /** The largest angle, in degrees. */
  rotate?: number;
}

/** The values of `--flip`. */
const flips = ['none', 'horizontal', 'vertical', 'both'] as const;

/** Adds the flags that set how training images are augmented. */
export function addAugmentationFlags(command: Command): Command {
  return command
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
    .addOption(
      new Option(
        '--flip <directions>',
        'mirror half of the training images left to right, top to bottom, or independently both (default: horizontal)',
      ).choices(flips),
    )
    .option('--no-flip', 'do not mirror images, for data where left and right differ: the same as --flip none')
    .option(
      '--rotate <degrees>',
      'rotate each training image by a random angle of up to this many degrees in either direction',
      numberIn(rotationRange),
    );
}

/** The augmentation `base`, overridden by the given flags. */
export function augmentationOf(flags: AugmentationFlags, base: Augmentation): Augmentation {
  const { cropScale, cropRatio, cropPadding, colorJitter, rotate } = flags;
  return {
    ...base,
    ...definedOnly({ crop: cropOf(flags), cropScale, cropRatio, padding: cropPadding, colorJitter, rotate }),
    ...flippingOf(flags, base),
    ...erasingOf(flags, base),
  };
}

/** The kind of crop that was given, or that other flags imply. */
function cropOf({ crop, cropPadding, cropScale, cropRatio }: AugmentationFlags): Augmentation['crop'] | undefined {
  const implied = [
    { flag: '--crop-padding', value: cropPadding, kind: 'random' },
    { flag: '--crop-scale', value: cropScale, kind: 'resized' },
    { flag: '--crop-ratio', value: cropRatio, kind: 'resized' },
  ] as const;
  let chosen = crop;
  for (const { flag, kind } of implied.filter(({ value }) => value !== undefined)) {
    if (chosen !== undefined && chosen !== kind) {
      throw new RangeError(`${flag} needs --crop ${kind}, not ${chosen}. Leave out the flags of one of them`);
    }
    chosen = kind;
  }
  return chosen;
}

/** The directions that were given. Old runs have not saved `verticalFlip`, and resume only with the same settings. */
function flippingOf({ flip }: AugmentationFlags, base: Augmentation): Partial<Augmentation> {
  if (flip === undefined) return {};
  const isVertical = flip === 'vertical' || flip === 'both';
  return {
    flip: flip === 'horizontal' || flip === 'both',
    ...((isVertical || base.verticalFlip) && { verticalFlip: isVertical }),
  };
}

function erasingOf({ erase, eraseValue }: AugmentationFlags, base: Augmentation): Pick<Augmentation, 'erase'> {
  if (erase === undefined && eraseValue === undefined) return {};
  if (erase === undefined && base.erase === undefined) {
    throw new RangeError('--erase-value needs --erase, the probability with which a rectangle is erased');
  }
  return { erase: { ...erasingDefaults, ...base.erase, ...definedOnly({ probability: erase, value: eraseValue }) } };
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
