import { dispose, keep, type Tensor } from '@mobinet/tensor/functions';

/** A layer with running statistics, such as `BatchNorm2d`. */
export interface ObservingLayer {
  /** Moves the running statistics towards those of a batch, whose tensors it disposes of. */
  observe(mean: Tensor, variance: Tensor, count: number): void;
}

/** The statistics of one batch in one layer. Its running statistics have not been moved towards them yet. */
export interface Observation {
  /** The layer. */
  readonly layer: ObservingLayer;
  /** The mean of each channel, [channels]. */
  readonly mean: Tensor;
  /** The biased variance of each channel, [channels]. */
  readonly variance: Tensor;
  /** The number of elements per channel in the batch. */
  readonly count: number;
}

let collected: Observation[] | null = null;

/**
 * Runs `body`, and collects what layers observe in it instead of moving their running statistics. The caller decides
 * later whether they move (`applyObservations`) or not (`discardObservations`), and in which order: processes that divide
 * a batch apply the observations of all of them in the same order.
 *
 * @returns What `body` returns, and the observations in the order in which they were made.
 * @throws What `body` throws; the observations are then disposed.
 * @example
 * ```ts
 * import { BatchNorm2d } from '@mobinet/autograd';
 * import { applyObservations, collectObservations } from '@mobinet/autograd/kernels';
 * import { tensor } from '@mobinet/tensor';
 *
 * const norm = new BatchNorm2d(1);
 * const { observations } = collectObservations(() => norm.forward(tensor([[4], [8]])));
 * console.log(norm.runningMean.values[0]);
 * applyObservations(observations);
 * console.log(norm.runningMean.values[0].toFixed(2));
 * // → 0
 * // → 0.60
 * ```
 */
export function collectObservations<T>(body: () => T): { value: T; observations: readonly Observation[] } {
  const outer = collected;
  const observations: Observation[] = [];
  collected = observations;
  try {
    return { value: body(), observations };
  } catch (error) {
    discardObservations(observations);
    throw error;
  } finally {
    collected = outer;
  }
}

/** Moves the running statistics of layers, in order, and disposes the observations. */
export function applyObservations(observations: readonly Observation[]): void {
  for (const { layer, mean, variance, count } of observations) layer.observe(mean, variance, count);
}

/** Disposes observations without applying them. */
export function discardObservations(observations: readonly Observation[]): void {
  for (const { mean, variance } of observations) dispose([mean, variance]);
}

/** Whether an observation was collected, so that its layer must not apply it itself. */
export function isCollected(observation: Observation): boolean {
  collected?.push({ ...observation, mean: keep(observation.mean), variance: keep(observation.variance) });
  return collected !== null;
}
