import { median } from '../../bench/median.js';

/** How fast a runtime is, in milliseconds. */
export interface Measured {
  /** The CPU time of the first 50 images that a network of layers (not a packed one) sees, including all compiling. */
  readonly warmUp: number;
  /** The minimum time of the packed network per image. */
  readonly minimum: number;
  /** The median time of the packed network per image. */
  readonly median: number;
}

/** What a runtime computed, and how fast. */
export interface RuntimeReport extends Measured {
  readonly version: string;
  /** The number of threads that could be started, including the main one. */
  readonly threads: number;
  /** Whether its kernels round a multiply-add once (`fused`) or twice. */
  readonly multiplyAdd: 'fused' | 'separate';
  /** The hash of each result. */
  readonly results: Readonly<Record<string, string>>;
}

/** The names of the results that differ from those of `reference`, or are missing in one of the two. */
export function differences(report: RuntimeReport, reference: RuntimeReport): string[] {
  const names = new Set([...Object.keys(reference.results), ...Object.keys(report.results)]);
  return [...names].filter((name) => report.results[name] !== reference.results[name]);
}

/** Merges the reports of several rounds: the minima of minima and of CPU times, and the median of medians. */
export function merge(rounds: readonly RuntimeReport[]): RuntimeReport {
  const changed = rounds.find((round) => differences(round, rounds[0]).length > 0);
  if (changed) throw new Error(`${changed.version} computes different bits in each run`);
  return {
    ...rounds[0],
    warmUp: Math.min(...rounds.map(({ warmUp }) => warmUp)),
    minimum: Math.min(...rounds.map(({ minimum }) => minimum)),
    median: median(rounds.map(({ median }) => median)),
  };
}
