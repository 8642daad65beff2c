import type { TrainingOptions } from './options.js';

/** Training cannot go on. The message says why, and what is saved of it. */
export class TrainingError extends Error {
  override readonly name = 'TrainingError';
}

/** The error for a loss or a weight that has become NaN or infinite. */
export function diverged(problem: string, { learningRate }: TrainingOptions): TrainingError {
  return new TrainingError(`${problem}. The last checkpoint is kept; try a learning rate below ${learningRate}`);
}
