import { temperatureRange } from '@mobinet/autograd';
import { checkNumbers, checkOptionNames, checkRecord, type NumberRange, type Tensor } from '@mobinet/tensor/functions';

/** How a network learns from a teacher: the loss is (1 − weight)·`crossEntropy` + weight·`distillationLoss`. */
export interface Distillation {
  /** The share of the teacher in the loss, above 0. At 1, labels are not used. */
  readonly weight: number;
  /** T of `distillationLoss`, from 0.01 to 1000. */
  readonly temperature: number;
}

/**
 * The settings of a run with a teacher unless others are given.
 *
 * @example
 * ```ts
 * import { distillationDefaults, paperTraining, type TrainingOptions } from 'mobinet';
 *
 * const training: TrainingOptions = { ...paperTraining, distillation: { ...distillationDefaults, weight: 0.5 } };
 * console.log(training.distillation);
 * // → { weight: 0.5, temperature: 4 }
 * ```
 */
export const distillationDefaults: Distillation = { weight: 0.9, temperature: 4 };

/** The ranges of the settings. Command lines and files are checked against them. */
export const distillationRanges = {
  weight: { above: 0, to: 1 },
  temperature: temperatureRange,
} as const satisfies { [K in keyof Distillation]: NumberRange };

/** @throws RangeError or TypeError, one line that names the setting, unless `value` is valid or undefined. */
export function checkDistillation(value: unknown, name: string): void {
  if (value === undefined) return;
  checkRecord(name, value);
  checkOptionNames(name, value, Object.keys(distillationRanges));
  const { weight, temperature } = value;
  checkNumbers(`${name}.`, { weight, temperature }, distillationRanges);
}

/** A teacher and its part in the loss of a training step. */
export interface TeacherLoss extends Distillation {
  /** Computes logits [batch, classes] for images, in evaluation mode. */
  readonly teacher: { forward(images: Tensor): Tensor };
}

/** The teacher of a run, as its checkpoint records it. */
export interface TeacherRecord {
  /** Its file or run folder: an absolute path, or one relative to the folder of the run, if that contains it. */
  readonly file: string;
  /** Identifies the packed network (`Teacher`). Missing while the run has not begun to learn from it. */
  readonly hash?: string | undefined;
  /** The epochs of a float twin that is trained first, to be the teacher. Missing for any other teacher. */
  readonly epochs?: number | undefined;
}
