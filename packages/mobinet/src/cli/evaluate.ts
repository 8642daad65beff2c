import { basename, resolve } from 'node:path';
import { Command } from 'commander';
import { checkWritable, saveFile } from '../files/save-file.js';
import { renderReport } from '../report/page.js';
import type { Predictions } from '../report/predictions.js';
import type { Report } from '../report/report.js';
import type { Evaluation } from '../training/evaluate.js';
import { trainingRanges } from '../training/options.js';
import { openEvaluationData } from './evaluation-data.js';
import { addDataFlags, addLoadingFlags, type DataFlags, jsonFlag, type LoadingFlags } from './flags.js';
import { addKernelFlags } from './kernel-flags.js';
import { addModelFlag, loadModel } from './model-flag.js';
import { numberIn } from './number-flags.js';
import { formatAccuracy, printJson, printResult, say } from './output.js';
import { exitingOnSignals } from './program.js';
import { predictionsOf, runEvaluation } from './run-evaluation.js';

interface EvaluateFlags extends DataFlags, LoadingFlags {
  model: string;
  batch: number;
  report?: string;
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
    .option('--report <file>', 'also write a page with confusions, precision, recall and wrong images to this file')
    .option(...jsonFlag)
    .addHelpText('after', '\nExample:\n  mobinet evaluate photos --model runs/photos/model.mobinet.safetensors');
  return command.action(evaluateModel);
}

const dataHelp = {
  data: 'image folder with val/<class>/*, or with <class>/* only, or shards (pack-data)',
  valShare: 'with <class>/* only: use the images that training holds out with this share and --seed (default: all)',
};

async function evaluateModel(folder: string | undefined, flags: EvaluateFlags): Promise<void> {
  const loaded = await loadModel(flags.model);
  const { classCount, run } = loaded;
  if (folder !== undefined && (flags.data ?? flags.idx) !== undefined) {
    throw new RangeError('give the images only once: as FOLDER, --data FOLDER or --idx FOLDER');
  }
  const named = folder === undefined ? flags : { ...flags, data: folder };
  const dataset = await openEvaluationData(named, { classes: classCount, run });
  const report =
    flags.report === undefined ? null : { file: flags.report, predictions: predictionsOf(loaded, dataset) };
  if (report) await checkWritable(report.file);
  const evaluation = { ...flags, onBatch: report?.predictions.add };
  const { result, skippedImages } = await runEvaluation(loaded, dataset, evaluation);
  const skipped = skippedImages > 0 ? ` (${skippedImages} skipped)` : '';
  if (flags.json) printJson({ ...result, skippedImages });
  else printResult(`loss ${result.loss.toFixed(4)}, ${formatAccuracy(result)} over ${result.images} images${skipped}`);
  if (!report) return;
  const page = await renderReport(reportOfModel(flags.model, result, report.predictions));
  await exitingOnSignals(saveFile(report.file, page));
  say(`wrote ${report.file}`);
}

/** A report of a network alone, whose training is not known. */
function reportOfModel(model: string, result: Evaluation, predictions: Predictions): Report {
  const { loss, top1, top5, images } = result;
  return {
    title: basename(model),
    subtitle: resolve(model),
    facts: [
      { name: 'top-1', value: `${top1.toFixed(2)} %` },
      ...(top5 === null ? [] : [{ name: 'top-5', value: `${top5.toFixed(2)} %` }]),
      { name: 'cross-entropy', value: loss.toFixed(4) },
      { name: 'images', value: images.toLocaleString('en-US') },
    ],
    validation: { predictions, network: 'This network' },
  };
}
