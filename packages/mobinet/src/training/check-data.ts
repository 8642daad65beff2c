import { classDifference } from '../data/class-names.js';
import { DataError } from '../data/errors.js';
import { differenceOf, fingerprintOf } from '../data/fingerprint.js';
import type { ImageDataset } from '../data/source.js';
import type { TrainingRun } from './run.js';

/**
 * Checks that a dataset is that of the run, as far as fingerprints can tell.
 *
 * @throws DataError, one line, if it is not.
 */
export function checkData(run: TrainingRun, dataset: ImageDataset): void {
  const classes = classDifference(run.classes, dataset.classes);
  if (classes) {
    throw new DataError(`the images do not have the classes of the run: ${classes}. Pass its images with --data`);
  }
  const now = run.fingerprint && fingerprintOf(dataset);
  const difference = now ? differenceOf(run.classes, run.fingerprint!, now) : null;
  if (dataset.train.length !== run.trainImages) {
    throw new DataError(
      `the data has ${dataset.train.length} training images, but the run was started with ${run.trainImages}` +
        `${difference ? `: ${difference}` : ''}. Use the same --data, --limit and --val-share`,
    );
  }
  if (difference) {
    throw new DataError(
      `the data has changed since the run was started: ${difference}. Restore it, or start a new run with another --out`,
    );
  }
}
