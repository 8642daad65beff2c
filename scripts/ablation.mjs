/**
 * Repeats the paper's comparisons at small scale and puts the table into docs/ablation.md: with and without skip
 * connections, PReLU and ReLU, K = 3 and K = 0, each over the same seeds, on the embedded images.
 *
 *     node scripts/ablation.mjs                        two runs at a time
 *     node scripts/ablation.mjs --epochs 8 --parallel 1
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import writeFileAtomic from 'write-file-atomic';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));

/** What stays at chance needs few seeds to show it; close rows need more. */
const configurations = [
  { name: 'Mid, K = 3, PReLU, skip all', flags: [], seeds: 6 },
  { name: 'skip none', flags: ['--skip', 'none'], seeds: 3 },
  { name: 'skip figure', flags: ['--skip', 'figure'], seeds: 3 },
  { name: 'ReLU', flags: ['--activation', 'relu'], seeds: 6 },
  { name: 'K = 0', flags: ['--k', '0'], seeds: 6 },
];

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '4' },
    parallel: { type: 'string', default: '2' },
  },
});
const trainFlags = ['--epochs', values.epochs];

const folder = await mkdtemp(join(tmpdir(), 'ablation-'));
const seedsOf = ({ seeds }) => Array.from({ length: seeds }, (_, seed) => seed);
const jobs = configurations.flatMap((configuration) => seedsOf(configuration).map((seed) => ({ configuration, seed })));
const results = new Map();
let next = 0;
await Promise.all(Array.from({ length: Number(values.parallel) }, work));
await rm(folder, { recursive: true });
const file = join(root, 'docs', 'ablation.md');
const [before, after] = (await readFile(file, 'utf8')).split(/<!-- table -->.*<!-- end of table -->/s);
await writeFileAtomic(file, `${before}<!-- table -->\n\n${table()}\n\n<!-- end of table -->${after}`);
console.log(`wrote ${file}`);

async function work() {
  while (next < jobs.length) {
    const { configuration, seed } = jobs[next++];
    const out = join(folder, `${configurations.indexOf(configuration)}-${seed}`);
    const flags = [...trainFlags, ...configuration.flags, '--seed', String(seed), '--out', out, '--json'];
    const { stdout } = await run(process.execPath, [join(root, 'examples', 'train-imagenet.js'), ...flags]);
    const result = JSON.parse(stdout);
    results.set(configuration, [...(results.get(configuration) ?? []), { seed, ...result }]);
    console.error(`${configuration.name}, seed ${seed}: top-1 ${result.top1.toFixed(1)} %`);
  }
}

function table() {
  const mostSeeds = Math.max(...configurations.map(({ seeds }) => seeds));
  const rows = configurations.map((configuration) => {
    const runs = results.get(configuration).sort((a, b) => a.seed - b.seed);
    const top1 = runs.map((run) => run.top1);
    const cells = Array.from({ length: mostSeeds }, (_, seed) => top1[seed]?.toFixed(1) ?? '');
    const others = [mean(runs.map((run) => run.top5)).toFixed(1), mean(runs.map((run) => run.trainLoss)).toFixed(2)];
    return [configuration.name, spread(top1), ...others, ...cells];
  });
  const seedHeads = Array.from({ length: mostSeeds }, (_, seed) => `seed ${seed}`);
  const head = ['', 'top-1, mean ± deviation', 'top-5', 'training loss', ...seedHeads];
  return [
    `\`${['node scripts/ablation.mjs', ...process.argv.slice(2)].join(' ')}\`, ${values.epochs} epochs:`,
    '',
    ...[head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`),
  ].join('\n');
}

function mean(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

function spread(numbers) {
  const centre = mean(numbers);
  const variance = numbers.reduce((sum, number) => sum + (number - centre) ** 2, 0) / Math.max(1, numbers.length - 1);
  return `${centre.toFixed(1)} ± ${Math.sqrt(variance).toFixed(1)}`;
}
