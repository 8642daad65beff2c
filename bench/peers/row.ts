import type { TorchServer } from './torch.js';

/** Something that several can do. */
export interface Work {
  readonly group: string;
  readonly name: string;
  /** Null where those to compare with are not there. */
  measure(torch: TorchServer | null): Promise<Row | null>;
}

/** What each took. Less is better. */
export interface Row {
  readonly group: string;
  readonly name: string;
  readonly threads: number;
  readonly unit: 'ms' | 'MiB';
  /** `ours` is the first. */
  readonly figures: Readonly<Record<string, number>>;
  readonly aims: readonly Aim[];
}

/** How many times less than the best of some others we want to take. */
export interface Aim {
  readonly name: string;
  readonly slow: readonly string[];
  readonly target: number;
}

/** By how much we are better than the best of the others; null where none of them is there. */
export function ratioOf({ figures }: Pick<Row, 'figures'>, { slow }: Aim): number | null {
  const others = slow.filter((name) => name in figures).map((name) => figures[name]);
  return others.length === 0 ? null : Math.min(...others) / figures.ours;
}
