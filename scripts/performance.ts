/**
 * Runs both benchmarks, saves their results in bench/results, and writes their tables to docs/performance.md. Takes
 * half an hour on a quiet machine. `npm run performance -- --help` explains how to repeat a part.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { saveFile } from 'mobinet';
import { fillIn } from './lib/document.js';
import { parseFlags, root, stop } from './lib/flags.js';
import { addResults, allResults, nameOf, type Results } from './lib/results.js';
import { tablesOf } from './lib/results-tables.js';

const sections = ['kernels', 'gemm', 'conv', 'gradients', 'larq', 'step', 'inference'];

const help = `Usage: npm run performance -- [options]

Runs \`npm run bench\` and \`npm run bench:peers\`, saves the results in bench/results, in one file for each processor and
date, and writes the tables of all of these files to docs/performance.md and docs/performance/. Each section is saved
when it is finished, and a section measured again on the same day replaces the earlier one.

  --only <sections>  a comma-separated list of ${sections.join(', ')}
  --filter <text>    only work whose name contains this, such as 96×96 or "2 threads"
  --rounds <number>  how often each training step and each inference is timed (default: 3)
  --write            measure nothing, write the documents
  --help             print this`;

const flags = parseFlags({
  only: { type: 'string', default: sections.join(',') },
  filter: { type: 'string' },
  rounds: { type: 'string', default: '3' },
  write: { type: 'boolean' },
  help: { type: 'boolean' },
});
if (flags.help) {
  console.log(help);
  process.exit(0);
}
const chosen = flags.write ? [] : flags.only.split(',');
const unknown = chosen.find((name) => !sections.includes(name));
if (unknown !== undefined) stop(`there is no section "${unknown}": choose from ${sections.join(', ')}`);

const filter = flags.filter === undefined ? [] : ['--filter', flags.filter];
for (const section of chosen) {
  const date = new Date().toISOString().slice(0, 10);
  if (section === 'kernels') {
    const {
      results,
      threads: _threads,
      ...machine
    } = await run<{ results: Results['kernels']; threads: number }>('bench', filter);
    await addResults({
      ...(machine as Omit<Results, 'kernels' | 'rows'>),
      date,
      versions: {},
      kernels: results,
      rows: [],
    });
  } else {
    const args = ['--only', section, '--rounds', flags.rounds, ...filter];
    await addResults({ ...(await run<Omit<Results, 'date' | 'kernels'>>('bench:peers', args)), date, kernels: [] });
  }
}
await writeDocuments();

/** Runs an npm script and returns the JSON that it prints. */
async function run<T>(script: string, args: readonly string[]): Promise<T> {
  console.error(`npm run ${script} ${args.join(' ')} …`);
  const child = spawn('npm', ['run', '--silent', script, '--', '--json', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const json = await text(child.stdout);
  return json ? JSON.parse(json) : stop(`npm run ${script} failed`);
}

/** The newest results are in docs/performance.md, the others in pages of their own. */
async function writeDocuments(): Promise<void> {
  const [newest, ...others] = await allResults();
  const links = others.map((results) => `- [${results.cpu}, ${results.date}](performance/${nameOf(results)}.md)`);
  await fillIn(
    join(root, 'docs/performance.md'),
    [
      tablesOf(newest, '###'),
      ...(links.length > 0 ? [`### Other processors, and earlier versions\n\n${links.join('\n')}`] : []),
    ].join('\n\n'),
  );
  for (const results of others) {
    const head = `# Performance on ${results.cpu}, ${results.date}\n\n[performance.md](../performance.md) explains the tables.`;
    await saveFile(join(root, `docs/performance/${nameOf(results)}.md`), `${head}\n\n${tablesOf(results, '##')}\n`);
  }
}
