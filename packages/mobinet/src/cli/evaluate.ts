import { Rng } from '@mobinet/tensor';
import { Command } from 'commander';
import { classDifference } from '../data/class-names.js';
import { DataError } from '../data/errors.js';
import { ImageLoader } from '../data/loader.js';
import { evaluate } from '../training/evaluate.js';
import { trainingRanges } from '../training/options.js';
import { openEvaluationData } from './evaluation-data.js';
import { addDataFlags, addLoadingFlags, type DataFlags, jsonFlag, type LoadingFlags, loadingOf } from './flags.js';
import { addKernelFlags } from './kernel-flags.js';
import { addModelFlag, type LoadedModel, loadModel } from './model-flag.js';
import { numberIn } from './number-flags.js';
import { formatAccuracy, ImageProgress, printJson, printResult, say } from './output.js';
import { interruptible } from './program.js';

interface EvaluateFlags extends DataFlags, LoadingFlags {
  model: string;
  batch: number;
  json?: boolean;
}

/** `mobinet evaluate`: loss and accuracy on validation images. */
export function evaluateCommand(): Command {
  const command = addModelFlag(
    new Command('evaluate').description('measure loss, top-1 and top-5 accuracy on validation images'),
  );
  command.argument('[folder]', "same as --data (default: the images of the checkpoint's run)");
  addKernelFlags(addLoadingFlags(addDataFlags(command, dataHelp)))
    .option('--seed <number>', 'seed for --val-share (default: 0)', numberIn(trainingRanges.seed))
    .option('--batch <images>', 'images per batch', numberIn(trainingRanges.batchSize), 64)
    .option(...jsonFlag)
    .addHelpText('after', '\nExample:\n  mobinet evaluate photos --model runs/photos/model.mobinet.safetensors');
  return command.action(runEvaluation);
}

const dataHelp = {
  data: 'image folder with val/<class>/*, or with <class>/* only, or shards (pack-data)',
  valShare: 'with <class>/* only: use the images that training holds out with this share and --seed (default: all)',
};

async function runEvaluation(folder: string | undefined, flags: EvaluateFlags): Promise<void> {
  const loaded = await loadModel(flags.model);
  const { model, classCount, imageSize, preprocessing, run } = loaded;
  if (folder !== undefined && (flags.data ?? flags.idx) !== undefined) {
    throw new RangeError('give the images only once: as FOLDER, --data FOLDER or --idx FOLDER');
  }
  const named = folder === undefined ? flags : { ...flags, data: folder };
  const dataset = await openEvaluationData(named, { classes: classCount, run });
  checkClassesOf(flags.model, loaded, dataset.classes);
  const progress = new ImageProgress();
  const loader = new ImageLoader(dataset.val, {
    ...preprocessing,
    batchSize: flags.batch,
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
    progress.show('evaluating', images, dataset.val.length - loader.skipped);
  };
  const { signal, release } = interruptible('stopping …');
  const result = await evaluate(model, loader, { signal, onProgress }).finally(async () => {
    release();
    progress.stop();
    if (signal.aborted) say(`stopped after ${done} of ${dataset.val.length} images`);
    await loader.close();
  });
  if (flags.json) return printJson({ ...result, skippedImages: loader.skipped });
  printResult(
    `loss ${result.loss.toFixed(4)}, ${formatAccuracy(result)} ` +
      `over ${result.images} images${loader.skipped > 0 ? ` (${loader.skipped} skipped)` : ''}`,
  );
}

/** Checks that images have the classes of the network. If those have no names, only their number must agree. */
function checkClassesOf(model: string, { classes, classCount }: LoadedModel, given: readonly string[]): void {
  const difference = classes && classDifference(classes, given);
  if (difference) throw new DataError(`the classes of the images are not those of ${model}: ${difference}`);
  if (given.length !== classCount) {
    throw new DataError(`${model} has ${classCount} classes, but the images have ${given.length}`);
  }
}
