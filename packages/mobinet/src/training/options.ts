import {
  Adam,
  AdamW,
  constant,
  cosine,
  decayRange,
  labelSmoothingRange,
  learningRateRange,
  type Optimizer,
  oneCycle,
  RMSProp,
  type Schedule,
  SGD,
  stepDecay,
  warmUp,
  weightDecayRange,
} from '@mobinet/autograd';
import { Bop } from '@mobinet/bnn';
import {
  checkChoice,
  checkNumber,
  checkNumbers,
  checkOptionNames,
  checkRecord,
  type NumberRange,
  wholeNumbers,
} from '@mobinet/tensor/functions';
import {
  type Augmentation,
  checkAugmentation,
  checkNormalization,
  imageNetNormalization,
  type Normalization,
} from '../data/augment.js';
import { mixupRange } from '../data/mixup.js';
import { resizeRange } from '../data/prepare.js';
import { checkDistillation, type Distillation } from './distillation.js';

/**
 * The names of the optimizers that `makeOptimizer` makes.
 *
 * @example
 * ```ts
 * import { optimizerNames } from 'mobinet';
 *
 * console.log(optimizerNames.join(' '));
 * // → adam adamw sgd rmsprop bop
 * ```
 */
export const optimizerNames = ['adam', 'adamw', 'sgd', 'rmsprop', 'bop'] as const;

/**
 * The names of the learning-rate schedules that `makeSchedule` makes.
 *
 * @example
 * ```ts
 * import { scheduleNames } from 'mobinet';
 *
 * console.log(scheduleNames.join(' '));
 * // → step one-cycle cosine constant
 * ```
 */
export const scheduleNames = ['step', 'one-cycle', 'cosine', 'constant'] as const;

/**
 * The names of the ways in which several processes add up their gradients.
 *
 * @example
 * ```ts
 * import { exchangeNames } from 'mobinet';
 *
 * console.log(exchangeNames.join(' '));
 * // → exact signs
 * ```
 */
export const exchangeNames = ['exact', 'signs'] as const;

/** How a network is trained: everything a run depends on besides the network and the images. */
export interface TrainingOptions {
  /** The number of passes over the training images. */
  readonly epochs: number;
  /** The number of images of a training step. */
  readonly batchSize: number;
  /**
   * The maximum number of micro-batches that a batch is split into, a power of two. Only one at a time needs memory.
   * The number affects the result, since batch normalization takes its statistics from each micro-batch.
   */
  readonly microBatches: number;
  /**
   * How several processes add up their gradients: `'exact'` gives the bits of a single process, `'signs'` sends one bit
   * per element (1-bit Adam) and gives other results on other numbers of processes. A single process sends nothing.
   */
  readonly exchange: (typeof exchangeNames)[number];
  /** The optimizer. `'sgd'` has a momentum of 0.9; the others have the defaults of their classes. */
  readonly optimizer: (typeof optimizerNames)[number];
  /** Stop after this many epochs in a row without improvement over the best one; 0 to never stop early. */
  readonly patience: number;
  /** The highest learning rate of the schedule. */
  readonly learningRate: number;
  /** `'step'` multiplies the rate by 0.1 at 60 % and again at 85 % of the steps. */
  readonly schedule: (typeof scheduleNames)[number];
  /**
   * During this many epochs the rate rises linearly, then the schedule runs over the remaining epochs. Fewer than
   * `epochs`; 0 with `'one-cycle'`, which has a warm-up of its own.
   */
  readonly warmupEpochs: number;
  /** Not applied to binary weights. */
  readonly weightDecay: number;
  /** ε of label smoothing, the share of the target that is spread over all classes; 0 for none. */
  readonly labelSmoothing: number;
  /** α of mixup, which mixes each training image and its loss with another one in shares from Beta(α, α); 0 for none. */
  readonly mixup: number;
  /**
   * The decay of the moving averages of parameters and running statistics that are evaluated, kept as the best and
   * packed in place of the last ones (`ExponentialMovingAverage`); 0 for no averages.
   */
  readonly ema: number;
  /** Learn from a teacher, too. Default: from the labels only. */
  readonly distillation?: Distillation | undefined;
  /** Seed for the order of images and for augmentation. */
  readonly seed: number;
  /** The shorter side that images are resized to before they are cropped, in pixels. */
  readonly resize: number;
  /** How examples are drawn from the training images. */
  readonly augment: Augmentation;
  /** The mean and standard deviation by which the colors of all images are normalized. */
  readonly normalization: Normalization;
}

/**
 * Training as in the paper: from scratch with Adam and multiplicative decay, on random crops of 224 pixels from images
 * resized to 256. The paper's numbers of epochs, learning rates and batch size are not known; these are ours.
 *
 * @example
 * ```ts
 * import { paperTraining, type TrainingOptions } from 'mobinet';
 *
 * const training: TrainingOptions = { ...paperTraining, epochs: 8, batchSize: 16 };
 * console.log(training.optimizer, training.schedule, training.epochs);
 * // → adam step 8
 * ```
 */
export const paperTraining: TrainingOptions = {
  epochs: 50,
  batchSize: 256,
  microBatches: 1,
  exchange: 'exact',
  patience: 0,
  optimizer: 'adam',
  learningRate: 1e-3,
  schedule: 'step',
  warmupEpochs: 0,
  weightDecay: 0,
  labelSmoothing: 0,
  mixup: 0,
  ema: 0,
  seed: 0,
  resize: 256,
  augment: { crop: 'random', padding: 0, paddingMode: 'zero', flip: true },
  normalization: imageNetNormalization,
};

/** The ranges of numeric options. Command lines and files are checked against them. */
export const trainingRanges = {
  epochs: wholeNumbers(1, 1_000_000),
  batchSize: wholeNumbers(1, 1_000_000),
  microBatches: wholeNumbers(1, 2 ** 20),
  patience: wholeNumbers(0, 1_000_000),
  learningRate: learningRateRange,
  warmupEpochs: wholeNumbers(0, 1_000_000),
  weightDecay: weightDecayRange,
  labelSmoothing: labelSmoothingRange,
  mixup: mixupRange,
  ema: decayRange,
  seed: wholeNumbers(0),
  resize: resizeRange,
} as const satisfies { [K in keyof TrainingOptions]?: NumberRange };

/** The options that are not numbers. */
const otherOptions = {
  optimizer: true,
  schedule: true,
  exchange: true,
  distillation: true,
  augment: true,
  normalization: true,
} satisfies Record<Exclude<keyof TrainingOptions, keyof typeof trainingRanges>, true>;

/** @throws RangeError or TypeError, one line that names the option, unless `value` is valid training options. */
export function checkTraining(value: unknown, name = 'training'): asserts value is TrainingOptions {
  checkRecord(name, value);
  checkOptionNames(name, value, Object.keys({ ...trainingRanges, ...otherOptions }));
  const { optimizer, schedule, exchange, distillation, augment, normalization, ...numbers } = value as {
    [K in keyof TrainingOptions]: unknown;
  };
  checkChoice(`${name}.optimizer`, optimizer, optimizerNames);
  checkChoice(`${name}.schedule`, schedule, scheduleNames);
  checkChoice(`${name}.exchange`, exchange, exchangeNames);
  if (exchange === 'signs' && (optimizer === 'bop' || optimizer === 'rmsprop')) {
    throw new RangeError(
      `${name}.exchange cannot be signs with the optimizer ${optimizer}, which has no momentum to send`,
    );
  }
  checkNumbers(`${name}.`, numbers, trainingRanges);
  checkDistillation(distillation, `${name}.distillation`);
  checkAugmentation(augment, `${name}.augment`);
  checkNormalization(normalization, `${name}.normalization`);
  checkMicroBatches(numbers.microBatches as number, `${name}.microBatches`);
  checkWarmUp(value as unknown as TrainingOptions, `${name}.warmupEpochs`);
}

/** @throws RangeError unless it is a power of two, since the gradients of micro-batches are summed in pairs. */
function checkMicroBatches(value: number, name: string): void {
  if (!Number.isInteger(Math.log2(value))) throw new RangeError(`${name} must be a power of two, not ${value}`);
}

/** @throws RangeError if a warm-up would leave nothing of the schedule, or the schedule has one already. */
function checkWarmUp({ epochs, schedule, warmupEpochs }: TrainingOptions, name: string): void {
  if (warmupEpochs === 0) return;
  if (warmupEpochs >= epochs) {
    throw new RangeError(
      `${name} must be less than the ${epochs} epochs, not ${warmupEpochs}. Use a smaller --warmup-epochs or a larger --epochs`,
    );
  }
  if (schedule === 'one-cycle') {
    throw new RangeError(
      `${name} must be 0 with the schedule one-cycle, which has a warm-up of its own. Use --schedule cosine`,
    );
  }
}

/**
 * Makes the optimizer that the training options name.
 *
 * @throws RangeError for an unknown optimizer, or if a number is out of range.
 *
 * @example
 * ```ts
 * import { AdamW } from '@mobinet/autograd';
 * import { makeOptimizer, paperTraining } from 'mobinet';
 *
 * const optimizer = makeOptimizer({ ...paperTraining, optimizer: 'adamw', learningRate: 0.01 });
 * console.log(optimizer instanceof AdamW, optimizer.learningRate);
 * // → true 0.01
 * ```
 */
export function makeOptimizer(training: TrainingOptions): Optimizer {
  checkRecord('makeOptimizer: training', training);
  const { optimizer, learningRate, weightDecay } = training;
  checkChoice('makeOptimizer: optimizer', optimizer, optimizerNames);
  switch (optimizer) {
    case 'adam':
      return new Adam({ learningRate, weightDecay });
    case 'adamw':
      return new AdamW({ learningRate, weightDecay });
    case 'sgd':
      return new SGD({ learningRate, weightDecay, momentum: 0.9 });
    case 'rmsprop':
      return new RMSProp({ learningRate, weightDecay });
    case 'bop':
      return new Bop({ learningRate, weightDecay });
  }
}

/**
 * Makes the learning-rate schedule, warm-up included, for a run of `steps` steps.
 *
 * @param steps The number of all steps, a whole number of at least 0.
 * @throws RangeError for an unknown schedule, or if a number is out of range.
 *
 * @example
 * ```ts
 * import { makeSchedule, paperTraining } from 'mobinet';
 *
 * const schedule = makeSchedule({ ...paperTraining, schedule: 'step', learningRate: 1 }, 100);
 * console.log([0, 59, 60, 85].map((step) => schedule(step).toFixed(2)).join(' '));
 * // → 1.00 1.00 0.10 0.01
 * ```
 */
export function makeSchedule(training: TrainingOptions, steps: number): Schedule {
  checkRecord('makeSchedule: training', training);
  checkChoice('makeSchedule: schedule', training.schedule, scheduleNames);
  checkNumber('makeSchedule: steps', steps, wholeNumbers(0));
  checkNumber('makeSchedule: epochs', training.epochs, trainingRanges.epochs);
  checkNumber('makeSchedule: warmupEpochs', training.warmupEpochs, trainingRanges.warmupEpochs);
  const warmUpSteps = Math.round((steps * training.warmupEpochs) / training.epochs);
  return warmUp({ steps: warmUpSteps, schedule: mainSchedule(training, steps - warmUpSteps) });
}

/** The learning-rate schedule after the warm-up. */
function mainSchedule({ schedule, learningRate: rate }: TrainingOptions, steps: number): Schedule {
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
