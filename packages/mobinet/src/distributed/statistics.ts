import { BatchNorm2d, type Module } from '@mobinet/autograd';
import { discardObservations, modulesOf, type Observation } from '@mobinet/autograd/kernels';
import { tensor, withBackend } from '@mobinet/tensor/functions';

/** What the layers of a network have observed in the micro-batches of one rank, ready to be sent to other ranks. */
export interface SentObservations {
  /** For each observation, in order: the index of its layer among the batch norms, and its number of elements. */
  readonly heads: readonly (readonly [layer: number, count: number])[];
  /** For each observation: the means of its channels, and then their variances. */
  readonly values: Float32Array;
}

/** The layers of a network that observe, in the order of its fields, which is the same on all ranks. */
const observersOf = (model: Module): BatchNorm2d[] =>
  modulesOf(model).filter((module) => module instanceof BatchNorm2d);

/** Reads observations, and disposes them. */
export async function sendable(model: Module, observations: readonly Observation[]): Promise<SentObservations> {
  const layers: readonly unknown[] = observersOf(model);
  try {
    const parts = await Promise.all(observations.flatMap(({ mean, variance }) => [mean.data(), variance.data()]));
    const values = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    let end = 0;
    for (const part of parts) {
      values.set(part, end);
      end += part.length;
    }
    return { heads: observations.map(({ layer, count }) => [layers.indexOf(layer), count]), values };
  } finally {
    discardObservations(observations);
  }
}

/** What ranks have sent, as observations again, in the same order. */
export function received(model: Module, sent: readonly SentObservations[]): Observation[] {
  const layers = observersOf(model);
  return sent.flatMap(({ heads, values }) => {
    let end = 0;
    return heads.map(([index, count]) => {
      const layer = layers[index];
      const { size, backend } = layer.runningMean;
      const [mean, variance] = [end, end + size].map((from) =>
        withBackend(backend, () => tensor(values.slice(from, from + size))),
      );
      end += 2 * size;
      return { layer, mean, variance, count };
    });
  });
}
