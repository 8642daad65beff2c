import type { EpochMetrics, TrainingRun } from './run.js';

/** Whether an epoch is better than another: by its top-1, and where these are equal, by its validation loss. */
const isBetter = (epoch: EpochMetrics, other: EpochMetrics): boolean =>
  epoch.top1 > other.top1 || (epoch.top1 === other.top1 && epoch.valLoss < other.valLoss);

/** The best epoch so far, the first of equal ones. */
export function bestEpoch(history: readonly EpochMetrics[]): EpochMetrics | undefined {
  return history.reduce<EpochMetrics | undefined>(
    (best, epoch) => (best === undefined || isBetter(epoch, best) ? epoch : best),
    undefined,
  );
}

/** Whether a run has got no better for as many epochs as its patience lasts. */
export function isStalled({ training, history }: Pick<TrainingRun, 'training' | 'history'>): boolean {
  const best = bestEpoch(history);
  return training.patience > 0 && best !== undefined && history.length - best.epoch >= training.patience;
}

/** Whether there is nothing left to train: all epochs are done, or it got no better for too long. */
export function isFinished(run: Pick<TrainingRun, 'training' | 'history' | 'progress'>): boolean {
  return run.progress.epoch >= run.training.epochs || (run.progress.batch === 0 && isStalled(run));
}
