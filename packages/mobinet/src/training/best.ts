import { checkList, checkRecord } from '@mobinet/tensor/functions';
import type { EpochMetrics, TrainingRun } from './run.js';

/** Whether an epoch is better than another: by top-1, or by validation loss if these are equal. */
const isBetter = (epoch: EpochMetrics, other: EpochMetrics): boolean =>
  epoch.top1 > other.top1 || (epoch.top1 === other.top1 && epoch.valLoss < other.valLoss);

/**
 * The epoch with the highest top-1, then the lowest validation loss, then the first; undefined for an empty history.
 *
 * @param history The epochs of a run.
 * @example
 * ```ts
 * import { bestEpoch, type EpochMetrics } from 'mobinet';
 *
 * const rest = { trainLoss: 1, top5: null, learningRate: 1e-3, imagesPerSecond: 100, seconds: 1 };
 * const history: EpochMetrics[] = [
 *   { epoch: 1, top1: 70, valLoss: 0.8, ...rest },
 *   { epoch: 2, top1: 75, valLoss: 0.7, ...rest },
 *   { epoch: 3, top1: 75, valLoss: 0.6, ...rest },
 * ];
 * console.log(bestEpoch(history)?.epoch);
 * // → 3
 * ```
 */
export function bestEpoch(history: readonly EpochMetrics[]): EpochMetrics | undefined {
  checkList('bestEpoch', history, 'run.history');
  for (const epoch of Array.from<unknown>(history)) checkRecord('bestEpoch: an epoch', epoch);
  return history.reduce<EpochMetrics | undefined>(
    (best, epoch) => (best === undefined || isBetter(epoch, best) ? epoch : best),
    undefined,
  );
}

/** Whether a run has gone without improvement for as many epochs as its patience allows. */
export function isStalled({ training, history }: Pick<TrainingRun, 'training' | 'history'>): boolean {
  const best = bestEpoch(history);
  return training.patience > 0 && best !== undefined && history.length - best.epoch >= training.patience;
}

/** Whether nothing is left to train: all epochs are done, or the run has stalled. */
export function isFinished(run: Pick<TrainingRun, 'training' | 'history' | 'progress'>): boolean {
  return run.progress.epoch >= run.training.epochs || (run.progress.batch === 0 && isStalled(run));
}
