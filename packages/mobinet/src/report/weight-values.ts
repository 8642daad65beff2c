import { type Module, PReLU } from '@mobinet/autograd';
import { modulesOf } from '@mobinet/autograd/kernels';

/** Numbers of one layer, one per channel. */
export interface LayerValues {
  readonly layer: string;
  readonly values: Float32Array;
}

/**
 * The scaling factors α of all binary layers: for each filter the mean of |w| over its latent weights, as in XNOR-Net.
 * The network must be on the CPU.
 */
export function scalingFactors(model: Module): LayerValues[] {
  const binary = [...model.parameters()].filter(([, { binary }]) => binary);
  return binary.map(([layer, { values, shape, size }]) => {
    const perFilter = size / shape[0];
    const means = Float32Array.from({ length: shape[0] }, (_, filter) => {
      const weights = values.subarray(filter * perFilter, (filter + 1) * perFilter);
      return weights.reduce((sum, weight) => sum + Math.abs(weight), 0) / perFilter;
    });
    return { layer, values: means };
  });
}

/** The slopes of all PReLUs. The network must be on the CPU. */
export function preluSlopes(model: Module): LayerValues[] {
  const slopes = new Set(modulesOf(model).flatMap((module) => (module instanceof PReLU ? [module.slope] : [])));
  const found = [...model.parameters()].filter(([, parameter]) => slopes.has(parameter));
  return found.map(([layer, { values }]) => ({ layer, values: values.slice() }));
}

/** The weights that a report shows. */
export interface Weights {
  readonly scalingFactors: readonly LayerValues[];
  readonly slopes: readonly LayerValues[];
}

/** Reads the weights that a report shows. The network must be on the CPU. */
export const weightsOf = (model: Module): Weights => ({
  scalingFactors: scalingFactors(model),
  slopes: preluSlopes(model),
});

/** A bar of a histogram: how many values are from `from` up to `to`. */
export interface HistogramBar {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Counts values in bars of equal width, from the least value to the largest. */
export function histogram(values: Float32Array, bars = 40): HistogramBar[] {
  if (values.length === 0) return [];
  const least = values.reduce((a, b) => Math.min(a, b));
  const largest = values.reduce((a, b) => Math.max(a, b));
  // Equal values make one bar, whose width must not be 0.
  const width = (largest - least) / bars || Math.max(Math.abs(least), 1) / bars;
  const counts = new Array<number>(bars).fill(0);
  for (const value of values) counts[Math.min(bars - 1, Math.floor((value - least) / width))]++;
  return counts.map((count, bar) => ({ from: least + bar * width, to: least + (bar + 1) * width, count }));
}
