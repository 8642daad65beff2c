/**
 * Measures our kernels and our peers' and puts the tables into docs/performance.md. A quiet machine takes a quarter of an hour.
 *
 *     npm run performance
 *     npm run performance -- --kernels FILE --peers FILE    what `npm run bench -- --json` and `npm run bench:peers` have
 *                                                           kept already, in place of measuring again
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fillIn, table } from './lib/document.mjs';
import { parseFlags, root, stop } from './lib/flags.mjs';

const files = parseFlags({ kernels: { type: 'string' }, peers: { type: 'string' } });
const kernels = await resultsOf(files.kernels, 'bench', '--json');
const peers = await resultsOf(files.peers, 'bench:peers', '--json');

const versions = Object.entries(peers.versions).map(([name, version]) => `${name} ${version}`);
await fillIn(
  join(root, 'docs/performance.md'),
  [
    `Measured on ${peers.processors} threads of ${peers.cpu}, ${peers.node}, with ${versions.join('; ')}.`,
    '### Kernels: `npm run bench`',
    ...sectionsOf(kernels.results, 'section').map(([section, results]) => `**${section}**\n\n${kernelTable(results)}`),
    '### Against others: `npm run bench:peers`',
    ...sectionsOf(peers.rows, 'group').map(([group, rows]) => `**${group}** (${rows[0].unit})\n\n${peerTable(rows)}`),
  ].join('\n\n'),
);

async function resultsOf(file, ...[script, flag]) {
  if (file) return JSON.parse(await readFile(file, 'utf8').catch(({ message }) => stop(message)));
  console.error(`npm run ${script} …`);
  const child = spawn('npm', ['run', '--silent', script, '--', flag], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const json = await text(child.stdout);
  return json ? JSON.parse(json) : stop(`npm run ${script} failed`);
}

/** In the order in which they first appear. */
function sectionsOf(rows, field) {
  const names = [...new Set(rows.map((row) => row[field]))];
  return names.map((name) => [name, rows.filter((row) => row[field] === name)]);
}

function kernelTable(results) {
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

/** A column for each contender that takes part in any row; a row of one thread may have more of them than one of two. */
function peerTable(rows) {
  const contenders = [...new Set(rows.flatMap(({ figures }) => Object.keys(figures)))];
  const ratios = new Map(rows.flatMap((row) => row.ratios.map((ratio) => [ratio.name, ratio])));
  const threads = new Set(rows.map((row) => row.threads)).size > 1;
  return table(
    ['', ...(threads ? ['threads'] : []), ...contenders, ...[...ratios.keys()].map((name) => name)],
    rows.map((row) => [
      row.name,
      ...(threads ? [row.threads] : []),
      ...contenders.map((name) => row.figures[name]?.toPrecision(3) ?? ''),
      ...[...ratios.keys()].map((name) => {
        const ratio = row.ratios.find((ratio) => ratio.name === name);
        return ratio ? `${format(ratio)} (aim ${ratio.target})` : '';
      }),
    ]),
  );
}

function headOf({ name, target }) {
  return target ? `${name} (aim ${target})` : name;
}

/** What misses its aim is not in bold. */
function format({ value, target }) {
  const text = `${value.toFixed(2)}×`;
  return target && value >= target ? `**${text}**` : text;
}
