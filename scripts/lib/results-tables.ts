import { table, wrap } from './document.js';
import type { KernelResult, PeerRow, Ratio, Results } from './results.js';

// The tables of a processor in docs/performance.md.

/** All tables of some results, below headings of the given level. */
export function tablesOf({ date, cpu, processors, node, versions, kernels, rows }: Results, level: string): string {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    wrap(`Measured on ${processors} threads of ${cpu} on ${date}, ${node}, with ${named.join('; ')}.`),
    ...(kernels.length > 0 ? [`${level} Kernels: \`npm run bench\``] : []),
    ...groupBy(kernels, ({ section }) => section).map(
      ([section, results]) => `**${section}**\n\n${kernelTable(results)}`,
    ),
    ...(rows.length > 0 ? [`${level} Against others: \`npm run bench:peers\``] : []),
    ...groupBy(rows, ({ group }) => group).map(
      ([group, rows]) => `**${group}** (${rows[0].unit})\n\n${peerTable(rows)}`,
    ),
  ].join('\n\n');
}

/** Groups in the order in which their keys first appear. */
function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): [key: string, items: T[]][] {
  const keys = [...new Set(items.map(keyOf))];
  return keys.map((key) => [key, items.filter((item) => keyOf(item) === key)]);
}

function kernelTable(results: readonly KernelResult[]): string {
  const [{ milliseconds, ratios, probes }] = results;
  const contenders = Object.keys(milliseconds);
  return table(
    [
      '',
      ...contenders.map((name) => `${name}, ms`),
      `${contenders[0]}, GMAC/s`,
      ...ratios.map(({ name, target }) => (target ? `${name} (target ${target})` : name)),
      ...(probes ? ['additions/ns'] : []),
    ],
    results.map((result) => [
      result.benchmark,
      ...contenders.map((name) => figure(result.milliseconds[name], result.minima?.[name])),
      result.gmacPerSecond[contenders[0]].toFixed(0),
      ...result.ratios.map((ratio) => formatRatio(ratio)),
      ...(result.probes ? [range(result.probes)] : []),
    ]),
  );
}

/** Work in rows and contenders in columns or, if there are more contenders than work, the other way round. */
function peerTable(rows: readonly PeerRow[]): string {
  const contenders = [...new Set(rows.flatMap(({ figures }) => Object.keys(figures)))];
  const ratioNames = [...new Set(rows.flatMap(({ ratios }) => ratios.map(({ name }) => name)))];
  const hasThreads = new Set(rows.map((row) => row.threads)).size > 1;
  const hasProbes = rows.some(({ probes }) => probes);
  const head = ['', ...contenders, ...ratioNames, ...(hasProbes ? ['additions/ns'] : [])];
  const lines = rows.map((row) => [
    hasThreads ? `${row.name}, ${row.threads === 1 ? '1 thread' : `${row.threads} threads`}` : row.name,
    ...contenders.map((name) => (name in row.figures ? figure(row.figures[name], row.minima?.[name]) : '')),
    ...ratioNames.map((name) => {
      const ratio = row.ratios.find((ratio) => ratio.name === name);
      return ratio ? formatRatio(ratio, true) : '';
    }),
    ...(hasProbes ? [row.probes ? range(row.probes) : ''] : []),
  ]);
  if (contenders.length <= rows.length) return table(head, lines);
  const [first, ...rest] = head.map((name, column) => [name, ...lines.map((line) => line[column])]);
  return table(first, rest);
}

/** The minimum, and the median in parentheses. */
function figure(median: number, minimum: number | undefined): string {
  return minimum === undefined ? digits(median) : `${digits(minimum)} (${digits(median)})`;
}

/** Three significant digits, or all digits of the whole part. */
const digits = (value: number): string => (value >= 1000 ? value.toFixed(0) : value.toPrecision(3));

/** The ratio of minima, and that of medians in parentheses; in bold if both reach the target. */
function formatRatio({ value, ofMinima, target }: Ratio, namesTarget = false): string {
  const ratio = `${(ofMinima ?? value).toFixed(2)}×`;
  const notes = [
    ...(ofMinima === undefined ? [] : [`${value.toFixed(2)}×`]),
    ...(namesTarget && target ? [`target ${target}`] : []),
  ];
  const reached = target !== undefined && Math.min(value, ofMinima ?? value) >= target;
  return `${reached ? `**${ratio}**` : ratio}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`;
}

const range = (values: readonly number[]): string =>
  `${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)}`;
