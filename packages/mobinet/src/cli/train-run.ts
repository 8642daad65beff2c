import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Module } from '@mobinet/autograd';
import { currentBackend, withBackend } from '@mobinet/tensor/functions';
import type { ImageDataset } from '../data/source.js';
import { makeWithoutMemory } from '../networks/network.js';
import { EventLog } from '../report/event-log.js';
import type { OwnFolder } from '../training/own-folder.js';
import type { EpochMetrics, TrainingRun } from '../training/run.js';
import { checkpointFile } from '../training/run-folder.js';
import type { Teacher } from '../training/teacher.js';
import { train } from '../training/train.js';
import { type LoadingFlags, loadingOf } from './flags.js';
import type { LivePage } from './live-page.js';
import { say } from './output.js';
import { isInterruption, stoppedElsewhere } from './program.js';
import type { Ranks } from './ranks.js';
import { RunReport } from './run-report.js';
import { TrainingProgress } from './training-progress.js';

/** What the runs of one command line share. */
export interface TrainingWork {
  /** The folder to resume from. Only the first process owns it; the others know its path. */
  readonly folder: Pick<OwnFolder, 'path'>;
  /** The processes that train together. */
  readonly ranks: Ranks;
  readonly dataset: ImageDataset;
  readonly loading: LoadingFlags;
  /** A page that shows the report of the current run live. */
  readonly page?: LivePage | undefined;
  /** Whether to write measurements for TensorBoard. */
  readonly tensorboard?: boolean | undefined;
  readonly signal: AbortSignal;
}

/**
 * Trains a run to its end, shows its progress, and writes its report after each epoch.
 *
 * @param options.out The folder of the run. Default: that of the command line.
 * @returns The number of images that were skipped, and the report, for its final parts.
 * @throws The signal's reason when it aborts, after saying how to resume.
 */
export async function trainToEnd(
  run: TrainingRun,
  { folder, ranks, dataset, loading, page, tensorboard, signal }: TrainingWork,
  { out = folder, teacher }: { out?: Pick<OwnFolder, 'path'>; teacher?: Teacher | undefined } = {},
): Promise<{ skippedImages: number; report: RunReport }> {
  const { team } = ranks;
  const events = tensorboard && team.leads ? await EventLog.open(out.path, run.history) : undefined;
  const report = new RunReport(run, { out: out.path, page, events });
  if (page) await report.write();
  const progress = new TrainingProgress({ advice: howToBeFaster(run) });
  const { finished, skippedImages } = await train(run, dataset, {
    out,
    communicator: team.communicator,
    resumeFrom: folder.path,
    teacher,
    signal,
    // The first process shows the progress of all.
    ...(team.leads && {
      ...progress,
      onEpoch: (metrics: EpochMetrics) => {
        progress.onEpoch(metrics);
        return report.addEpoch();
      },
    }),
    workers: ranks.workers,
    ...loadingOf(loading),
  }).finally(() => progress.stop());
  if (skippedImages > 0) say(`skipped images that could not be decoded: ${skippedImages}`);
  if (finished) return { skippedImages, report };
  if (run.history.length > 0 && team.leads) await report.write();
  const isSaved = existsSync(join(folder.path, checkpointFile));
  say(isSaved ? `stopped and saved. Continue with --resume ${folder.path}` : 'stopped before the first step');
  // An uncaught error of one process is told by all.
  await team.all(() => {
    if (signal.aborted && !isInterruption(signal.reason)) throw signal.reason;
  });
  throw team.common(signal.aborted ? signal.reason : stoppedElsewhere());
}

/**
 * The network of a run without its weights, on the CPU: programs are traced there, but the run may be on a GPU. The caller
 * disposes it.
 */
export const outlineOf = ({ network, options }: TrainingRun): Module =>
  withBackend('cpu', () => makeWithoutMemory(network, options));

/** Advice for a run that would take weeks. */
function howToBeFaster({ options }: TrainingRun): string {
  const { imageSize, width } = options as { imageSize: number; width?: unknown };
  const gpu = currentBackend() === 'cpu' ? 'a GPU (docs/gpu.md), ' : '';
  const size = 32 * Math.max(1, Math.round(imageSize / 64));
  const smaller = typeof width === 'number' ? ` (--width ${width / 2})` : '';
  return `Consider ${gpu}smaller images (--size ${size}) or a smaller network${smaller}`;
}
