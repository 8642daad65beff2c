import { withHelp } from '@mobinet/tensor/kernels';
import type { TrainingOptions } from './options.js';

/**
 * Thrown by `train` when training fails. The message says why, and what was saved.
 *
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { imagesFromArrays, newRun, paperTraining, TrainingError, train } from 'mobinet';
 *
 * const pixels = Uint8Array.from({ length: 8 * 16 * 16 * 3 }, (_, i) => i);
 * const images = imagesFromArrays({ height: 16, width: 16, pixels, labels: [0, 1, 0, 1, 0, 1, 0, 1] });
 * const classes = ['even', 'odd'];
 * const out = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * // With such a learning rate, the weights are useless after the first step.
 * const training = { ...paperTraining, learningRate: 1e30, epochs: 1, batchSize: 4, resize: 16 };
 * const network = { width: 0.0625, k: 1, imageSize: 16, stemStride: 1 };
 * const run = newRun(network, training, { classes, trainImages: 8 });
 * await train(run, { classes, train: images, val: images }, { out }).catch((error) =>
 *   console.log(error instanceof TrainingError),
 * );
 * // → true
 * await rm(out, { recursive: true });
 * ```
 */
export class TrainingError extends Error {
  override readonly name = 'TrainingError';
}

/** Makes the error for a loss or a weight that has become NaN or infinite. */
export function diverged(problem: string, { learningRate }: TrainingOptions): TrainingError {
  const message = `${problem}. The last checkpoint is kept; try a learning rate below ${learningRate}`;
  return new TrainingError(withHelp(message, 'nan-loss'));
}
