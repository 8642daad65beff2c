import { checkNumber, wholeNumbers } from '@mobinet/tensor';

/** A class, and how probable a network takes it to be. */
export interface Prediction {
  readonly name: string;
  readonly probability: number;
}

/** The most probable classes, the likeliest first. @param classes Their names; without these, they are counted. */
export function mostProbable(
  probabilities: ArrayLike<number>,
  classes: readonly string[] | undefined,
  top: number,
): Prediction[] {
  checkNumber('top', top, wholeNumbers(1));
  return Array.from(probabilities, (probability, index) => ({
    name: classes?.[index] ?? `class ${index}`,
    probability,
  }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top);
}
