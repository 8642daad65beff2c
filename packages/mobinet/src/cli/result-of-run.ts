import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Rng, useBackend } from '@mobinet/tensor';
import { DataError, messageOf } from '../data/errors.js';
import { ImageLoader } from '../data/loader.js';
import { microBatchSize } from '../data/micro-batches.js';
import type { ImageDataset } from '../data/source.js';
import { bestEpoch } from '../training/best.js';
import {
  type Agreement,
  comparePacked,
  packedFile,
  readCheckpoint,
  readPacked,
  writePacked,
} from '../training/files.js';
import type { EpochMetrics, TrainingRun } from '../training/run.js';
import { bestFile } from '../training/run-folder.js';
import { runOnHost } from '../training/run-on-host.js';
import { type LoadingFlags, loadingOf } from './flags.js';
import { ImageProgress, printJson, printResult, say } from './output.js';

/** What there is to be told of a run that has ended. */
export interface EndOfRun {
  readonly out: string;
  readonly dataset: ImageDataset;
  readonly loading: LoadingFlags;
  readonly json?: boolean | undefined;
  readonly skippedImages: number;
  readonly signal: AbortSignal;
}

/** Packs the network of a run that has ended, checks what was saved, and prints what came of it. */
export async function tellResult(run: TrainingRun, end: EndOfRun): Promise<void> {
  const { out, json, skippedImages } = end;
  const { training, history, progress } = run;
  const best = bestEpoch(history)!;
  if (progress.epoch < training.epochs) {
    say(`stopped early: no epoch of the last ${history.length - best.epoch} was better than epoch ${best.epoch}`);
  }
  // A packed network does, bit for bit, what the trained one does on the CPU.
  await useBackend('cpu');
  const chosen = await networkToKeep(run, best, out);
  const metrics = chosen.history[chosen.history.length - 1];
  const saved = await saveAndCheck(chosen, end);
  const bestPath = join(out, bestFile);
  if (json) {
    return printJson({ out, ...saved, ...metrics, best: { ...best, checkpoint: bestPath }, skippedImages });
  }
  printResult(
    `top-1   ${metrics.top1.toFixed(2)} %${chosen === run ? '' : ` (epoch ${metrics.epoch})`}`,
    ...(metrics.top5 === null ? [] : [`top-5   ${metrics.top5.toFixed(2)} %`]),
    `best epoch ${best.epoch}: ${best.top1.toFixed(2)} %, kept as ${bestPath}`,
    `saved   ${saved.model}, ${saved.bytes.toLocaleString('en-US')} bytes`,
    `check   loaded again, its logits differ by at most ${saved.agreement.largestDifference} over ${saved.agreement.images} images`,
  );
}

/**
 * The run whose network is packed. Who asks for patience wants the best network: that is what the epochs after it were waited for. Without,
 * it is that of the last epoch, which the schedule of the learning rate was made for.
 */
async function networkToKeep(run: TrainingRun, best: EpochMetrics, out: string): Promise<TrainingRun> {
  if (run.training.patience === 0 || best.epoch === run.history.length) return run;
  const file = join(out, bestFile);
  const kept = await readCheckpoint(file).catch(() => null);
  if (kept?.history.length === best.epoch) return kept;
  say(`warning: ${file} is not the checkpoint of epoch ${best.epoch}, so the network of the last epoch is packed`);
  return run;
}

async function saveAndCheck(
  run: TrainingRun,
  end: EndOfRun,
): Promise<{ model: string; bytes: number; agreement: Agreement }> {
  const { out, signal } = end;
  const onHost = await runOnHost(run);
  const model = join(out, packedFile);
  const bytes = await writePacked(onHost, model).catch((error: unknown) => {
    const again = `The run is saved: mobinet export --checkpoint ${out} makes this file, too`;
    throw new DataError(`${messageOf(error)}. ${again}`, { cause: error });
  });
  const agreement = await checkPacked(onHost, model, end).catch((error: unknown) => {
    if (error === signal.reason) say(`stopped. The run has ended and is saved as ${model}, but that was not checked`);
    throw error;
  });
  return { model, bytes, agreement };
}

/** Loads the file again and compares it with the network in memory. */
async function checkPacked(run: TrainingRun, file: string, { dataset, loading, signal }: EndOfRun): Promise<Agreement> {
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
      progress.show('checking the saved model', images, dataset.val.length - loader.skipped);
    const agreement = await comparePacked(run, packed, loader, { signal, onProgress });
    if (!(agreement.largestDifference <= 1e-4)) {
      // Nobody is to take it for the network.
      await rm(file);
      throw new DataError(
        `the packed network does not agree with the trained one: logits differ by ${agreement.largestDifference}, so it was not kept. ` +
          'What forward does in evaluation must depend on its images and its tensors alone, and be the same for each image',
      );
    }
    return agreement;
  } finally {
    progress.stop();
    await loader.close();
    packed.dispose();
  }
}
