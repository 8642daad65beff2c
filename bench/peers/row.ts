import type { TorchServer } from './torch.js';

/** Work to compare contenders on. */
export interface Work {
  readonly group: string;
  readonly name: string;
  /** Returns null if the contenders to compare with are not installed. */
  measure(torch: TorchServer | null): Promise<Row | null>;
}

/** The measurements of one piece of work. Less is better. */
export interface Row {
  readonly group: string;
  readonly name: string;
  readonly threads: number;
  readonly unit: 'ms' | 'MiB';
  /** By contender, ours first. */
  readonly figures: Readonly<Record<string, number>>;
  readonly comparisons: readonly Comparison[];
}

/** A comparison of ours with the best of some other contenders. */
export interface Comparison {
  readonly name: string;
  readonly slow: readonly string[];
  /** The minimum ratio of their figure to ours to reach. */
  readonly target: number;
}

/** The ratio of the best other figure to ours; null if none of the others was measured. */
export function ratioOf({ figures }: Pick<Row, 'figures'>, { slow }: Comparison): number | null {
  const others = slow.filter((name) => name in figures).map((name) => figures[name]);
  return others.length === 0 ? null : Math.min(...others) / figures.ours;
}
