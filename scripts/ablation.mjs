/**
 * Repeats the paper's comparisons at small scale and puts the table into docs/ablation.md: with and without skip
 * connections, PReLU and ReLU, K = 3 and K = 0, each over the same seeds, on the embedded images.
 *
 *     node scripts/ablation.mjs                        three seeds, two runs at a time
 *     node scripts/ablation.mjs --seeds 5 --epochs 8
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

const configurations = [
  { name: 'Mid, K = 3, PReLU, skip all', flags: [] },
  { name: 'skip none', flags: ['--skip', 'none'] },
  { name: 'skip figure', flags: ['--skip', 'figure'] },
  { name: 'ReLU', flags: ['--activation', 'relu'] },
  { name: 'K = 0', flags: ['--k', '0'] },
];

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    epochs: { type: 'string', default: '4' },
    parallel: { type: 'string', default: '2' },
  },
});
const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => seed);
const trainFlags = ['--epochs', values.epochs];

const folder = await mkdtemp(join(tmpdir(), 'ablation-'));
const jobs = configurations.flatMap((configuration) => seeds.map((seed) => ({ configuration, seed })));
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
  const rows = configurations.map((configuration) => {
    const runs = results.get(configuration).sort((a, b) => a.seed - b.seed);
    const top1 = runs.map((run) => run.top1);
    const others = ['top5', 'trainLoss'].map((key) => mean(runs.map((run) => run[key])).toFixed(2));
    return [configuration.name, ...top1.map((rate) => rate.toFixed(1)), spread(top1), ...others];
  });
  const seedHeads = seeds.map((seed) => `top-1, seed ${seed}`);
  const head = ['', ...seedHeads, 'mean ± deviation', 'top-5', 'training loss'];
  return [
    `\`node scripts/ablation.mjs ${process.argv.slice(2).join(' ')}\`, ${values.epochs} epochs:`.replace(' `', '`'),
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
