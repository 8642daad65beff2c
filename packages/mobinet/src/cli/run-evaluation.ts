import { Rng } from '@mobinet/tensor/functions';
import { classDifference } from '../data/class-names.js';
import { DataError } from '../data/errors.js';
import { ImageLoader } from '../data/loader.js';
import type { ValidationSet } from '../data/source.js';
import { Predictions } from '../report/predictions.js';
import { type EvaluateOptions, type Evaluation, evaluate } from '../training/evaluate.js';
import { type LoadingFlags, loadingOf } from './flags.js';
import { ImageProgress } from './image-progress.js';
import type { LoadedModel } from './model-flag.js';
import { say } from './output.js';
import { interruptible } from './program.js';

/** How to evaluate. */
export interface EvaluationFlags extends LoadingFlags, Pick<EvaluateOptions, 'onBatch'> {
  /** The file of the network, for messages. */
  readonly model: string;
  /** Images per batch. */
  readonly batch: number;
}

/** Evaluates a network on images, and shows the progress. */
export async function runEvaluation(
  loaded: LoadedModel,
  { val, classes }: ValidationSet,
  { onBatch, batch, ...flags }: EvaluationFlags,
): Promise<{ result: Evaluation; skippedImages: number }> {
  checkClassesOf(flags.model, loaded, classes);
  const { model, imageSize, preprocessing } = loaded;
  const progress = new ImageProgress();
  const loader = new ImageLoader(val, {
    ...preprocessing,
    batchSize: batch,
    size: imageSize,
    rng: Rng.fromSeed(0),
    onWarning: (message) => {
      progress.stop();
      say(`warning: ${message}`);
    },
    ...loadingOf(flags),
  });
  let done = 0;
  const onProgress = (images: number): void => {
    done = images;
    progress.show('evaluating', images, val.length - loader.skipped);
  };
  const { signal, release } = interruptible('stopping …');
  const result = await evaluate(model, loader, { signal, onProgress, onBatch }).finally(async () => {
    release();
    progress.stop();
    if (signal.aborted) say(`stopped after ${done} of ${val.length} images`);
    await loader.close();
  });
  return { result, skippedImages: loader.skipped };
}

/** What collects the predictions of a network for images. */
export function predictionsOf({ preprocessing: { normalization } }: LoadedModel, images: ValidationSet): Predictions {
  return new Predictions({ classes: images.classes, source: images.val, normalization });
}

/** Checks that images have the classes of the network. If those have no names, only their number must agree. */
function checkClassesOf(model: string, { classes, classCount }: LoadedModel, given: readonly string[]): void {
  const difference = classes && classDifference(classes, given);
  if (difference) throw new DataError(`the classes of the images are not those of ${model}: ${difference}`);
  if (given.length !== classCount) {
    throw new DataError(`${model} has ${classCount} classes, but the images have ${given.length}`);
  }
}
