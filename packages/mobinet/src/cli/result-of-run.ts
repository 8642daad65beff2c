import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Rng, useBackend } from '@mobinet/tensor/functions';
import { DataError, messageOf } from '../data/errors.js';
import { ImageLoader } from '../data/loader.js';
import { microBatchSize } from '../data/micro-batches.js';
import type { ImageDataset } from '../data/source.js';
import { Predictions } from '../report/predictions.js';
import { weightsOf } from '../report/weight-values.js';
import { bestEpoch } from '../training/best.js';
import {
  type Agreement,
  comparePacked,
  packedFile,
  readCheckpoint,
  readPacked,
  writePacked,
} from '../training/files.js';
import { disposeRun, type EpochMetrics, evaluatedModel, type TrainingRun } from '../training/run.js';
import { bestFile } from '../training/run-folder.js';
import { runOnHost } from '../training/run-on-host.js';
import { chanceWarning } from './chance.js';
import { type LoadingFlags, loadingOf } from './flags.js';
import { ImageProgress } from './image-progress.js';
import { printJson, printResult, say } from './output.js';
import type { RunReport } from './run-report.js';

/** What is needed to report the result of a finished run. */
export interface FinishedRun {
  readonly out: string;
  readonly dataset: ImageDataset;
  readonly report: RunReport;
  readonly loading: LoadingFlags;
  readonly json?: boolean | undefined;
  readonly skippedImages: number;
  readonly signal: AbortSignal;
}

/** Packs the network of a finished run, verifies the saved file, and prints the result. */
export async function reportResult(run: TrainingRun, finished: FinishedRun): Promise<void> {
  const { out, json, skippedImages } = finished;
  const { saved, metrics, best } = await packResult(run, finished);
  const bestPath = join(out, bestFile);
  const warning = chanceWarning(best.top1, run, finished.dataset.val);
  if (warning) say(...warning.split('\n'));
  if (json) {
    const kept = { ...withoutSigns(best), checkpoint: bestPath };
    return printJson({ out, ...saved, ...withoutSigns(metrics), best: kept, skippedImages });
  }
  printResult(
    `top-1   ${metrics.top1.toFixed(2)} %${metrics.epoch === run.history.length ? '' : ` (epoch ${metrics.epoch})`}`,
    ...(metrics.top5 === null ? [] : [`top-5   ${metrics.top5.toFixed(2)} %`]),
    `best    ${best.top1.toFixed(2)} % in epoch ${best.epoch}, kept as ${bestPath}`,
    `saved   ${saved.model}, ${saved.bytes.toLocaleString('en-US')} bytes`,
    `check   logits of the saved file differ by at most ${saved.agreement.largestDifference} over ${saved.agreement.images} images`,
  );
}

/** The metrics of an epoch without the signs of each layer, which are in the report and in the run folder. */
function withoutSigns({ signs, ...numbers }: EpochMetrics): Omit<EpochMetrics, 'signs'> {
  return numbers;
}

/** Packs the network of a finished run on the CPU, which is in use afterwards, and verifies the saved file. */
export async function packResult(run: TrainingRun, finished: FinishedRun) {
  const { training, history, progress } = run;
  const best = bestEpoch(history)!;
  if (progress.epoch < training.epochs) {
    say(`stopped early: no improvement over epoch ${best.epoch} in the last ${history.length - best.epoch} epochs`);
  }
  // A packed network matches the trained one bit for bit on the CPU.
  await useBackend('cpu');
  const chosen = await networkToKeep(run, best, finished.out);
  const saved = await saveAndVerify(chosen, finished);
  if (chosen !== run) disposeRun(chosen);
  return { saved, best, metrics: chosen.history[chosen.history.length - 1] };
}

/**
 * The run whose network is packed. With patience, it is that of the best epoch, which the later epochs failed to
 * improve on. Without, it is that of the last epoch, for which the learning rate schedule is designed.
 */
async function networkToKeep(run: TrainingRun, best: EpochMetrics, out: string): Promise<TrainingRun> {
  if (run.training.patience === 0 || best.epoch === run.history.length) return run;
  const file = join(out, bestFile);
  const kept = await readCheckpoint(file).catch(() => null);
  if (kept?.history.length === best.epoch) return kept;
  say(
    `warning: ${file} is not the checkpoint of epoch ${best.epoch}, so the network of the last epoch is packed instead`,
  );
  return run;
}

async function saveAndVerify(
  run: TrainingRun,
  finished: FinishedRun,
): Promise<{ model: string; bytes: number; agreement: Agreement }> {
  const { out, signal } = finished;
  const onHost = await runOnHost(run);
  const model = join(out, packedFile);
  const bytes = await writePacked(onHost, model).catch((error: unknown) => {
    const remedy = `The run itself is saved; write this file with mobinet export --checkpoint ${out}`;
    throw new DataError(`${messageOf(error)}. ${remedy}`, { cause: error });
  });
  const { dataset, report } = finished;
  const { normalization } = onHost.training;
  const predictions = new Predictions({ classes: onHost.classes, source: dataset.val, normalization });
  const agreement = await verifyPacked(onHost, model, finished, predictions).catch((error: unknown) => {
    if (error === signal.reason)
      say(`stopped. The run is finished and saved as ${model}, but that file was not verified`);
    throw error;
  });
  const network = `The saved network of epoch ${onHost.history.length}`;
  await report.write({ weights: weightsOf(evaluatedModel(onHost)), validation: { predictions, network } });
  if (onHost !== run) disposeRun(onHost);
  return { model, bytes, agreement };
}

/** Loads the packed file and compares it with the network in memory. */
async function verifyPacked(
  run: TrainingRun,
  file: string,
  { dataset, loading, signal }: FinishedRun,
  { add: onBatch }: Predictions,
): Promise<Agreement> {
  const packed = await readPacked(file);
  const progress = new ImageProgress();
  const { resize, normalization } = run.training;
  const size = run.options.imageSize;
  const loader = new ImageLoader(dataset.val, {
    batchSize: microBatchSize(run.training),
    size,
    resize,
    normalization,
    rng: Rng.fromSeed(0),
    onWarning: () => {},
    ...loadingOf(loading),
  });
  try {
    const onProgress = (images: number): void =>
      progress.show('verifying the saved model', images, dataset.val.length - loader.skipped);
    const agreement = await comparePacked(run, packed, loader, { signal, onProgress, onBatch });
    if (!(agreement.largestDifference <= 1e-4)) {
      // Nobody should use this file as the network.
      await rm(file);
      throw new DataError(
        `the packed network disagrees with the trained one (logits differ by ${agreement.largestDifference}), so it was deleted. ` +
          'In evaluation, forward may depend only on its images and the tensors of the module, and must treat all images alike',
      );
    }
    return agreement;
  } finally {
    progress.stop();
    await loader.close();
    packed.dispose();
  }
}
