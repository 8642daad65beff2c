import { checkNumber, wholeNumbers } from '@mobinet/tensor/functions';

/** A class and its probability, according to a network. */
export interface Prediction {
  /** The name of the class. */
  readonly name: string;
  /** Its probability, from 0 to 1. */
  readonly probability: number;
}

/**
 * The `top` most probable classes, in descending order.
 *
 * @param classes Their names. Default: `class 0`, `class 1`, …
 */
export function mostProbable(
  probabilities: ArrayLike<number>,
  classes: readonly string[] | undefined,
  top: number,
): Prediction[] {
  checkNumber('top', top, wholeNumbers(1));
  return Array.from(probabilities, (probability, index) => ({ name: className(classes, index), probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top);
}

/** The name of a class: `class 0`, `class 1`, … if the network has no names. */
export const className = (classes: readonly string[] | undefined, index: number): string =>
  classes?.[index] ?? `class ${index}`;
