import {
  Adam,
  AdamW,
  constant,
  cosine,
  labelSmoothingRange,
  learningRateRange,
  type Optimizer,
  oneCycle,
  type Schedule,
  SGD,
  stepDecay,
  weightDecayRange,
} from '@mobinet/autograd';
import { Bop } from '@mobinet/bnn';
import { checkChoice, checkNumbers, checkRecord, type NumberRange, wholeNumbers } from '@mobinet/tensor';
import {
  type Augmentation,
  checkAugmentation,
  checkNormalization,
  imageNetNormalization,
  type Normalization,
} from '../data/augment.js';
import { resizeRange } from '../data/prepare.js';

export const optimizerNames = ['adam', 'adamw', 'sgd', 'bop'] as const;
export const scheduleNames = ['step', 'one-cycle', 'cosine', 'constant'] as const;

/** How a network is trained. Everything a run depends on, beside the network and the images. */
export interface TrainingOptions {
  readonly epochs: number;
  readonly batchSize: number;
  /**
   * How many pieces a batch is cut into, at most, a power of two: memory is needed for one at a time. It is part of what is computed,
   * since batch normalisation takes its statistics from a micro-batch.
   */
  readonly microBatches: number;
  readonly optimizer: (typeof optimizerNames)[number];
  /** The run ends after so many epochs in a row that were no better than the best one before; 0 for never. */
  readonly patience: number;
  /** The highest learning rate of the schedule. */
  readonly learningRate: number;
  /** `'step'` multiplies the rate by 0.1 at 60 % and at 85 % of the steps. */
  readonly schedule: (typeof scheduleNames)[number];
  /** Not applied to binary weights. */
  readonly weightDecay: number;
  readonly labelSmoothing: number;
  /** Seed of the order of images and their augmentation. */
  readonly seed: number;
  /** The shorter side that images are scaled to before they are cut, in pixels. */
  readonly resize: number;
  readonly augment: Augmentation;
  readonly normalization: Normalization;
}

/**
 * The paper's setting: Adam from scratch with multiplicative decay, random crops of 224 pixels from images scaled to
 * 256. Its figures for epochs, rates and batch are lost; these are ours.
 */
export const paperTraining: TrainingOptions = {
  epochs: 50,
  batchSize: 256,
  microBatches: 1,
  patience: 0,
  optimizer: 'adam',
  learningRate: 1e-3,
  schedule: 'step',
  weightDecay: 0,
  labelSmoothing: 0,
  seed: 0,
  resize: 256,
  augment: { crop: 'random', padding: 0, paddingMode: 'zero', flip: true },
  normalization: imageNetNormalization,
};

/** The ranges of the options that are numbers; command lines and files are checked against them. */
export const trainingRanges = {
  epochs: wholeNumbers(1, 1_000_000),
  batchSize: wholeNumbers(1, 1_000_000),
  microBatches: wholeNumbers(1, 2 ** 20),
  patience: wholeNumbers(0, 1_000_000),
  learningRate: learningRateRange,
  weightDecay: weightDecayRange,
  labelSmoothing: labelSmoothingRange,
  seed: wholeNumbers(0),
  resize: resizeRange,
} as const satisfies { [K in keyof TrainingOptions]?: NumberRange };

/** @throws RangeError or TypeError, one line that names the option, unless a run can be trained so. */
export function checkTraining(value: unknown, name = 'training'): asserts value is TrainingOptions {
  checkRecord(name, value);
  const { optimizer, schedule, augment, normalization, ...numbers } = value as {
    [K in keyof TrainingOptions]: unknown;
  };
  checkChoice(`${name}.optimizer`, optimizer, optimizerNames);
  checkChoice(`${name}.schedule`, schedule, scheduleNames);
  checkNumbers(`${name}.`, numbers, trainingRanges);
  checkAugmentation(augment, `${name}.augment`);
  checkNormalization(normalization, `${name}.normalization`);
  checkMicroBatches(numbers.microBatches as number, `${name}.microBatches`);
}

/** @throws RangeError unless it is a power of two, as the gradients of micro-batches are summed in pairs. */
function checkMicroBatches(value: number, name: string): void {
  if (!Number.isInteger(Math.log2(value))) throw new RangeError(`${name} must be a power of two, got ${value}`);
}

export function makeOptimizer({ optimizer, learningRate, weightDecay }: TrainingOptions): Optimizer {
  switch (optimizer) {
    case 'adam':
      return new Adam({ learningRate, weightDecay });
    case 'adamw':
      return new AdamW({ learningRate, weightDecay });
    case 'sgd':
      return new SGD({ learningRate, weightDecay, momentum: 0.9 });
    case 'bop':
      return new Bop({ learningRate, weightDecay });
  }
}

/** The learning rate of each step, for a run of `steps`. */
export function makeSchedule({ schedule, learningRate: rate }: TrainingOptions, steps: number): Schedule {
  switch (schedule) {
    case 'step':
      return stepDecay({ rate, at: [Math.round(0.6 * steps), Math.round(0.85 * steps)] });
    case 'one-cycle':
      return oneCycle({ rate, steps });
    case 'cosine':
      return cosine({ rate, steps });
    case 'constant':
      return constant(rate);
  }
}
