import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { messageOf } from '../data/errors.js';
import { checkWritable, saveFile } from '../files/save-file.js';
import { renderReport } from '../report/page.js';
import type { Validation } from '../report/report.js';
import { weightsOf } from '../report/weight-values.js';
import { findCheckpoint, readCheckpoint } from '../training/files.js';
import { trainingRanges } from '../training/options.js';
import { evaluatedModel, type TrainingRun } from '../training/run.js';
import { reportFile } from '../training/run-folder.js';
import { runOnHost } from '../training/run-on-host.js';
import { openEvaluationData } from './evaluation-data.js';
import { addDataFlags, addLoadingFlags, type DataFlags, jsonFlag, type LoadingFlags, locationOf } from './flags.js';
import { addKernelFlags } from './kernel-flags.js';
import { loadModel } from './model-flag.js';
import { networkFlag } from './network-flag.js';
import { numberIn } from './number-flags.js';
import { printJson, printResult, say } from './output.js';
import { exitingOnSignals } from './program.js';
import { predictionsOf, runEvaluation } from './run-evaluation.js';
import { reportOf } from './run-report.js';

interface ReportFlags extends DataFlags, LoadingFlags {
  out?: string;
  batch: number;
  json?: boolean;
}

/** `mobinet report`: writes the report of a run again. */
export function reportCommand(): Command {
  const command = new Command('report')
    .description(`write the report of a run: curves, signs of the weights, and what the network gets wrong`)
    .argument('<run>', 'run folder or checkpoint')
    .addOption(networkFlag())
    .option('--out <file>', `file to write (default: ${reportFile} in the run folder)`);
  addKernelFlags(addLoadingFlags(addDataFlags(command, dataHelp)))
    .option('--seed <number>', 'seed for --val-share (default: that of the run)', numberIn(trainingRanges.seed))
    .option('--batch <images>', 'images per batch', numberIn(trainingRanges.batchSize), 64)
    .option(...jsonFlag)
    .addHelpText('after', '\nExample:\n  mobinet report runs/photos');
  return command.action(runReport);
}

const dataHelp = {
  data: 'image folder with val/<class>/*, or with <class>/* only (default: the images of the run)',
  valShare: 'with <class>/* only: use the images that training holds out with this share and --seed',
};

async function runReport(path: string, flags: ReportFlags): Promise<void> {
  const folder = dirname(await findCheckpoint(path));
  const out = flags.out ?? join(folder, reportFile);
  await checkWritable(out);
  const run = await runOnHost(await readCheckpoint(path));
  const validation = await validationOf(path, run, flags);
  const page = await renderReport(reportOf(run, folder, { weights: weightsOf(evaluatedModel(run)), validation }));
  await exitingOnSignals(saveFile(out, page));
  const bytes = Buffer.byteLength(page);
  if (flags.json) printJson({ file: out, bytes, images: validation !== undefined });
  else printResult(`${out}, ${bytes.toLocaleString('en-US')} bytes`);
}

/** Predictions for the validation images. Undefined, with a warning, if the images of the run are not there anymore. */
async function validationOf(path: string, run: TrainingRun, flags: ReportFlags): Promise<Validation | undefined> {
  const loaded = await loadModel(path);
  let dataset: Awaited<ReturnType<typeof openEvaluationData>>;
  try {
    dataset = await openEvaluationData(flags, { classes: loaded.classCount, run });
  } catch (error) {
    if (locationOf(flags)) throw error;
    say(`warning: the report lacks the validation images: ${messageOf(error)}. Give them with --data or --idx`);
    return undefined;
  }
  const predictions = predictionsOf(loaded, dataset);
  await runEvaluation(loaded, dataset, { ...flags, model: path, onBatch: predictions.add });
  return { predictions, network: loaded.run ? 'The network of the checkpoint' : 'The saved network' };
}
