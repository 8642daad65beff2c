import { DataError } from '../data/errors.js';
import { openValidationIdx } from '../data/idx.js';
import { openImageFolder, openValidationFolder } from '../data/image-folder.js';
import type { ValidationSet } from '../data/source.js';
import { checkData } from '../training/check-data.js';
import type { ImageLocation, TrainingRun } from '../training/run.js';
import { type DataFlags, folderOptions, type LoadingFlags, locationOf, noImages } from './flags.js';
import { say } from './output.js';

/** The network to evaluate. */
export interface EvaluatedNetwork {
  readonly classes: number;
  /** Where it comes from a checkpoint. */
  readonly run: TrainingRun | undefined;
}

/**
 * Opens the images to evaluate with: those that flags name, or else those of the run. Where they are not split and the run drew a share
 * of them for validation, that share is taken. Otherwise all are, and that is said, as there may be training images among them.
 */
export function openEvaluationData(flags: DataFlags & LoadingFlags, network: EvaluatedNetwork): ValidationSet {
  const location = locationOf(flags) ?? withFlags(network.run?.source, flags);
  if (location?.idx !== undefined) {
    return openValidationIdx(location.idx, { limit: location.limit, classes: network.classes });
  }
  if (location?.data === undefined) throw new RangeError(noImages);
  const dataset = openValidationFolder(location.data, folderOptions(location, flags));
  if (!dataset.isUnsplit) return dataset;
  const drawn = network.run && openDrawn(location, network.run, flags);
  if (drawn) {
    say(`evaluating the ${drawn.val.length} images of ${location.data} that training drew for validation`);
    return drawn;
  }
  say(
    `evaluating ${dataset.val.length} images of ${location.data}, which has no val/. If the network was trained on some of them, ` +
      'give --val-share and --seed as in training, and they are left out',
  );
  return dataset;
}

/** What the run drew for validation, if it was made with the images of this folder; else null. */
function openDrawn({ data, limit }: ImageLocation, run: TrainingRun, loading: LoadingFlags): ValidationSet | null {
  const { source, fingerprint } = run;
  if (data === undefined || source?.valShare === undefined || !fingerprint) return null;
  const open = (limit: number | undefined) =>
    openImageFolder(data, { ...folderOptions({ ...source, limit }, loading), onWarning: () => {} });
  try {
    checkData(run, open(source.limit));
  } catch (error) {
    // Images from elsewhere are no images of the run. Those of its own folder have changed, and nobody knows which were trained on.
    if (source.data === data || !(error instanceof DataError)) throw error;
    return null;
  }
  return open(limit);
}

/** The place of a run's images; what flags say of it counts more. */
function withFlags(source: ImageLocation | undefined, flags: DataFlags): ImageLocation | null {
  if (!source) return null;
  const { limit = source.limit, valShare, seed } = flags;
  return { ...source, limit, valShare, splitSeed: seed ?? source.splitSeed };
}
