import { Rng } from '@mobinet/tensor';
import { Command } from 'commander';
import { DataError } from '../data/errors.js';
import { ImageLoader } from '../data/loader.js';
import { evaluate } from '../training/evaluate.js';
import { openEvaluationData } from './evaluation-data.js';
import {
  addDataFlags,
  addLoadingFlags,
  type DataFlags,
  jsonFlag,
  type LoadingFlags,
  loadingOf,
  wholeNumber,
} from './flags.js';
import { addKernelFlags } from './kernel-flags.js';
import { addModelFlag, loadModel } from './model-flag.js';
import { formatAccuracy, ImageProgress, printJson, printResult, say } from './output.js';
import { interruptible } from './program.js';

interface EvaluateFlags extends DataFlags, LoadingFlags {
  model: string;
  batch: number;
  json?: boolean;
}

/** `mobinet evaluate`: loss and accuracy on validation images. */
export function evaluateCommand(): Command {
  const command = addModelFlag(new Command('evaluate').description('loss, top-1 and top-5 on validation images'));
  command.argument('[folder]', 'the same as --data (default: where the images of a checkpoint are)');
  addKernelFlags(addLoadingFlags(addDataFlags(command, dataHelp)))
    .option('--seed <number>', 'what --val-share draws from (default: 0)', wholeNumber(0))
    .option('--batch <images>', 'images at a time', wholeNumber(1), 64)
    .option(...jsonFlag)
    .addHelpText('after', '\nExample:\n  mobinet evaluate photos --model runs/photos/model.mobinet.safetensors');
  return command.action(runEvaluation);
}

const dataHelp = {
  data: 'images as val/<class>/*, or as <class>/* alone',
  valShare: 'of images as <class>/* alone, take those that training draws with this share and --seed (default: all)',
};

async function runEvaluation(folder: string | undefined, flags: EvaluateFlags): Promise<void> {
  const { model, info, preprocessing, run } = await loadModel(flags.model);
  if (folder !== undefined && (flags.data ?? flags.idx) !== undefined) {
    throw new RangeError('name the images once: FOLDER, --data FOLDER or --idx FOLDER');
  }
  const named = folder === undefined ? flags : { ...flags, data: folder };
  const dataset = openEvaluationData(named, { classes: info.options.classes, run });
  if (
    dataset.classes.length !== info.options.classes ||
    (info.classes && info.classes.join('\n').normalize('NFC') !== dataset.classes.join('\n'))
  ) {
    throw new DataError(
      `${flags.model} tells ${info.classes?.join(', ') ?? `${info.options.classes} classes`} apart, ` +
        `but the images are of ${dataset.classes.join(', ')}`,
    );
  }
  const progress = new ImageProgress();
  const loader = new ImageLoader(dataset.val, {
    ...preprocessing,
    batchSize: flags.batch,
    size: info.options.imageSize,
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
