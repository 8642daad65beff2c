/**
 * Runs both benchmarks and writes their tables to docs/performance.md. Takes a quarter of an hour on a quiet machine.
 *
 *     npm run performance
 *     npm run performance -- --kernels FILE --peers FILE    uses saved output of `npm run bench -- --json` and of
 *                                                           `npm run bench:peers`, and measures nothing
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Result } from '@mobinet/bench/section';
import { fillIn, table, wrap } from './lib/document.js';
import { parseFlags, root, stop } from './lib/flags.js';

/** The fields of `npm run bench -- --json` that are read here. */
interface KernelResults {
  readonly results: readonly Result[];
}

/** The fields of `npm run bench:peers -- --json` that are read here. */
interface PeerResults {
  readonly processors: number;
  readonly cpu: string;
  readonly node: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly PeerRow[];
}

interface PeerRow {
  readonly group: string;
  readonly name: string;
  readonly threads: number;
  readonly unit: string;
  /** By contender. */
  readonly figures: Readonly<Record<string, number>>;
  readonly ratios: readonly Ratio[];
}

type Ratio = Result['ratios'][number];

const files = parseFlags({ kernels: { type: 'string' }, peers: { type: 'string' } });
const kernels: KernelResults = await resultsOf('bench', files.kernels);
const peers: PeerResults = await resultsOf('bench:peers', files.peers);

const versions = Object.entries(peers.versions).map(([name, version]) => `${name} ${version}`);
await fillIn(
  join(root, 'docs/performance.md'),
  [
    wrap(`Measured on ${peers.processors} threads of ${peers.cpu}, ${peers.node}, with ${versions.join('; ')}.`),
    '### Kernels: `npm run bench`',
    ...groupBy(kernels.results, ({ section }) => section).map(
      ([section, results]) => `**${section}**\n\n${kernelTable(results)}`,
    ),
    '### Against others: `npm run bench:peers`',
    ...groupBy(peers.rows, ({ group }) => group).map(
      ([group, rows]) => `**${group}** (${rows[0].unit})\n\n${peerTable(rows)}`,
    ),
  ].join('\n\n'),
);

/** The JSON in `file` or, without one, the JSON that the npm script prints. */
async function resultsOf<T>(script: string, file: string | undefined): Promise<T> {
  if (file) return JSON.parse(await readFile(file, 'utf8').catch((error: Error) => stop(error.message)));
  console.error(`npm run ${script} …`);
  const child = spawn('npm', ['run', '--silent', script, '--', '--json'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const json = await text(child.stdout);
  return json ? JSON.parse(json) : stop(`npm run ${script} failed`);
}

/** Groups in the order in which their keys first appear. */
function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): [key: string, items: T[]][] {
  const keys = [...new Set(items.map(keyOf))];
  return keys.map((key) => [key, items.filter((item) => keyOf(item) === key)]);
}

function kernelTable(results: readonly Result[]): string {
  const [{ milliseconds, ratios }] = results;
  const [first] = Object.keys(milliseconds);
  return table(
    ['', ...Object.keys(milliseconds).map((name) => `${name}, ms`), `${first}, GMAC/s`, ...ratios.map(headOf)],
    results.map((result) => [
      result.benchmark,
      ...Object.values(result.milliseconds).map((value) => value.toPrecision(3)),
      result.gmacPerSecond[first].toFixed(0),
      ...result.ratios.map(format),
    ]),
  );
}

/** Has a column for every contender and ratio of any row: some contenders run on one thread only. */
function peerTable(rows: readonly PeerRow[]): string {
  const contenders = [...new Set(rows.flatMap(({ figures }) => Object.keys(figures)))];
  const ratioNames = [...new Set(rows.flatMap(({ ratios }) => ratios.map(({ name }) => name)))];
  const threads = new Set(rows.map((row) => row.threads)).size > 1;
  return table(
    ['', ...(threads ? ['threads'] : []), ...contenders, ...ratioNames],
    rows.map((row) => [
      row.name,
      ...(threads ? [String(row.threads)] : []),
      ...contenders.map((name) => row.figures[name]?.toPrecision(3) ?? ''),
      ...ratioNames.map((name) => {
        const ratio = row.ratios.find((ratio) => ratio.name === name);
        return ratio ? `${format(ratio)} (target ${ratio.target})` : '';
      }),
    ]),
  );
}

function headOf({ name, target }: Ratio): string {
  return target ? `${name} (target ${target})` : name;
}

/** In bold if the ratio reaches its target. */
function format({ value, target }: Ratio): string {
  const text = `${value.toFixed(2)}×`;
  return target && value >= target ? `**${text}**` : text;
}
