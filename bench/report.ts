import { formatTable } from 'mobinet/cli';
import type { Result, Section } from './section.js';

/** A table of milliseconds and ratios for one section; a ratio that misses its target says so. */
export function formatSection({ title, note }: Section, results: readonly Result[]): string {
  const [first] = results;
  const contenders = Object.keys(first.milliseconds);
  const head = ['', ...contenders.map((name) => `${name} ms`), 'GMAC/s', ...first.ratios.map(({ name }) => name)];
  const rows = results.map(({ benchmark, milliseconds, gmacPerSecond, ratios }) => [
    benchmark,
    ...contenders.map((name) => milliseconds[name].toPrecision(3)),
    gmacPerSecond[contenders[0]].toFixed(1),
    ...ratios.map(formatRatio),
  ]);
  return [title, ...(note ? [note] : []), '', formatTable(head, rows)].join('\n');
}

function formatRatio({ value, target }: Result['ratios'][number]): string {
  const text = `${value.toFixed(2)}×`;
  return target !== undefined && value < target ? `${text} (aim ${target})` : text;
}
