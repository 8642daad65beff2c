import type { TrainingOptions } from './options.js';

/** Training failed. The message says why, and what was saved. */
export class TrainingError extends Error {
  override readonly name = 'TrainingError';
}

/** Makes the error for a loss or a weight that has become NaN or infinite. */
export function diverged(problem: string, { learningRate }: TrainingOptions): TrainingError {
  return new TrainingError(`${problem}. The last checkpoint is kept; try a learning rate below ${learningRate}`);
}
