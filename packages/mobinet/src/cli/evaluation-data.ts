import { DataError } from '../data/errors.js';
import { openValidationIdx } from '../data/idx.js';
import type { ValidationSet } from '../data/source.js';
import { openImages, openValidationImages } from '../shards/open-images.js';
import { checkData } from '../training/check-data.js';
import type { ImageLocation, TrainingRun } from '../training/run.js';
import { type DataFlags, folderOptions, type LoadingFlags, locationOf, noImagesGiven } from './flags.js';
import { say } from './output.js';

/** The network to evaluate. */
export interface EvaluatedNetwork {
  readonly classes: number;
  /** The run that it comes from, if it was read from a checkpoint. */
  readonly run: TrainingRun | undefined;
}

/**
 * Opens the images to evaluate with: those given by flags, or else those of the run. If they are not split and the run
 * held out a share of them for validation, that share is used. Otherwise all images are used, and a message warns that
 * they may include training images.
 */
export async function openEvaluationData(
  flags: DataFlags & LoadingFlags,
  network: EvaluatedNetwork,
): Promise<ValidationSet> {
  const location = locationOf(flags) ?? withFlags(network.run?.source, flags);
  if (location?.idx !== undefined) {
    return openValidationIdx(location.idx, { limit: location.limit, classes: network.classes });
  }
  if (location?.data === undefined) throw new RangeError(noImagesGiven);
  const options = { ...folderOptions(location, flags), classes: network.classes };
  const dataset = await openValidationImages(location.data, options);
  if (!dataset.isUnsplit) return dataset;
  const drawn = network.run && (await openDrawn(location, network.run, flags));
  if (drawn) {
    say(`evaluating the ${drawn.val.length} images of ${location.data} that training held out for validation`);
    return drawn;
  }
  say(
    `evaluating all ${dataset.val.length} images of ${location.data}, which has no val/. If the network was trained on some of ` +
      'them, leave those out with the --val-share and --seed of the training',
  );
  return dataset;
}

/** The images that the run held out for validation, if it used the images of this folder; else null. */
async function openDrawn(
  { data, limit }: ImageLocation,
  run: TrainingRun,
  loading: LoadingFlags,
): Promise<ValidationSet | null> {
  const { source, fingerprint } = run;
  if (data === undefined || source?.valShare === undefined || !fingerprint) return null;
  const open = (limit: number | undefined) =>
    openImages(data, { ...folderOptions({ ...source, limit }, loading), onWarning: () => {} });
  try {
    checkData(run, await open(source.limit));
  } catch (error) {
    // Images in another folder are simply not those of the run. If its own folder has changed, it is unknown which
    // images were trained on.
    if (source.data === data || !(error instanceof DataError)) throw error;
    return null;
  }
  return open(limit);
}

/** The location of a run's images, overridden by flags. */
function withFlags(source: ImageLocation | undefined, flags: DataFlags): ImageLocation | null {
  if (!source) return null;
  const { limit = source.limit, valShare, seed } = flags;
  return { ...source, limit, valShare, splitSeed: seed ?? source.splitSeed };
}
