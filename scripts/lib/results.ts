import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Result } from '@mobinet/bench/section';
import { saveFile } from 'mobinet';
import { root } from './flags.js';

// The results of the benchmarks, one file for each processor and date. None is thrown away.

export interface Results {
  /** Such as 2026-11-30 */
  readonly date: string;
  readonly cpu: string;
  readonly processors: number;
  readonly node: string;
  readonly versions: Readonly<Record<string, string>>;
  /** What `npm run bench` measured. */
  readonly kernels: readonly KernelResult[];
  /** What `npm run bench:peers` measured. */
  readonly rows: readonly PeerRow[];
}

/** Files of earlier versions have medians only. */
export type KernelResult = Omit<Result, 'minima' | 'probes' | 'ratios'> &
  Partial<Pick<Result, 'minima' | 'probes'>> & { readonly ratios: readonly Ratio[] };

export interface PeerRow {
  readonly group: string;
  readonly name: string;
  readonly threads: number;
  readonly unit: string;
  /** Medians, by contender. */
  readonly figures: Readonly<Record<string, number>>;
  readonly minima?: Readonly<Record<string, number>>;
  readonly ratios: readonly Ratio[];
  readonly probes?: readonly number[];
}

/** A ratio of medians and, if they were recorded, of minima. */
export interface Ratio {
  readonly name: string;
  readonly value: number;
  readonly ofMinima?: number;
  readonly target?: number;
}

const folder = join(root, 'bench/results');

/** The name of the files of some results, without an extension. */
export const nameOf = ({ cpu, date }: Pick<Results, 'cpu' | 'date'>): string =>
  `${cpu
    .toLowerCase()
    .replace(/\((r|tm)\)/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')}-${date}`;

/** The results of all processors, newest first. */
export async function allResults(): Promise<Results[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  const all = await Promise.all(
    files.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as Results),
  );
  return all.sort((a, b) => b.date.localeCompare(a.date) || a.cpu.localeCompare(b.cpu));
}

/** Adds newly measured results to those of the same processor and date, and saves them. */
export async function addResults(added: Results): Promise<void> {
  const earlier = (await allResults()).find((results) => nameOf(results) === nameOf(added));
  const results = earlier ? merge(earlier, added) : added;
  await saveFile(join(folder, `${nameOf(results)}.json`), `${JSON.stringify(results, null, 1)}\n`);
}

/** Newer results replace earlier ones of the same work. */
export function merge(earlier: Results, added: Results): Results {
  return {
    ...added,
    versions: { ...earlier.versions, ...added.versions },
    kernels: replaced(earlier.kernels, added.kernels, ({ section, benchmark }) => `${section}: ${benchmark}`),
    rows: replaced(earlier.rows, added.rows, ({ group, name, threads }) => `${group}: ${name}, ${threads}`),
  };
}

function replaced<T>(earlier: readonly T[], added: readonly T[], keyOf: (item: T) => string): T[] {
  const newer = new Map(added.map((item) => [keyOf(item), item]));
  const keys = new Set(earlier.map(keyOf));
  return [...earlier.map((item) => newer.get(keyOf(item)) ?? item), ...added.filter((item) => !keys.has(keyOf(item)))];
}
