import { type Spread, spreadOf } from '@mobinet/bench/median';
import type { Server } from './server.js';

/** Work to compare contenders on. */
export interface Work {
  readonly group: string;
  readonly name: string;
  /** Returns null if the contenders to compare with are not installed. `torch` times matrix products. */
  measure(torch: Server | null): Promise<Row | null>;
}

/** The measurements of one piece of work. Less is better. */
export interface Row {
  readonly group: string;
  readonly name: string;
  readonly threads: number;
  readonly unit: 'ms' | 'MiB';
  /** The medians by contender, ours first. */
  readonly figures: Readonly<Record<string, number>>;
  /** The minima by contender. Files of earlier versions lack them. */
  readonly minima?: Readonly<Record<string, number>>;
  readonly comparisons: readonly Comparison[];
  /** The state of the processor before each round. */
  readonly probes?: readonly number[];
}

/** A comparison of ours with the best of some other contenders. */
export interface Comparison {
  readonly name: string;
  readonly slow: readonly string[];
  /** The minimum ratio of their figure to ours to reach, if there is one. */
  readonly target?: number;
}

/** The figures of a row. */
export function figuresOf(spreads: Readonly<Record<string, Spread>>): Required<Pick<Row, 'figures' | 'minima'>> {
  const each = (of: (spread: Spread) => number): Record<string, number> =>
    Object.fromEntries(Object.entries(spreads).map(([name, spread]) => [name, of(spread)]));
  return { figures: each(({ median }) => median), minima: each(({ minimum }) => minimum) };
}

/** The figures of a row, from the results of all rounds. */
export const figuresOfRounds = <T>(rounds: ReadonlyMap<string, readonly T[]>, of: (result: T) => number) =>
  figuresOf(Object.fromEntries(Array.from(rounds, ([name, all]) => [name, spreadOf(all.map(of))])));

/** The ratio of the best other figure to ours; null if none of the others was measured. */
export function ratioOf(figures: Row['figures'], { slow }: Pick<Comparison, 'slow'>): number | null {
  const others = slow.filter((name) => name in figures).map((name) => figures[name]);
  return others.length === 0 ? null : Math.min(...others) / figures.ours;
}

/** The ratios of a row: of medians (`value`) and of minima. */
export const ratiosOf = ({ comparisons, figures, minima }: Row) =>
  comparisons.flatMap(({ name, slow, target }) => {
    const value = ratioOf(figures, { slow });
    if (value === null) return [];
    const ofMinima = minima && ratioOf(minima, { slow });
    return [{ name, value, ...(target && { target }), ...(ofMinima && { ofMinima }) }];
  });
