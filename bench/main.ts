import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { compare, type Result } from './comparison.js';
import { conv2dComparisons } from './conv2d.js';
import { matmulComparisons } from './matmul.js';
import { formatTable } from './report.js';

const help = `Times operations on packed signs against the same operations on floats.

Usage: npm run bench -- [options]

  --filter NAME  only the benchmarks whose name contains NAME, such as matmul or 3×3
  --json         one JSON object on stdout, nothing else
  --help         this text

"packed" leaves the packing of x out, "with packing of x" includes it; weights are always packed beforehand.
`;

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    options: { filter: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (options.help) {
    process.stdout.write(help);
    return;
  }
  const comparisons = [...matmulComparisons, ...conv2dComparisons]
    .map((prepare) => prepare())
    .filter(({ op, shape }) => `${op} ${shape}`.includes(options.filter ?? ''));
  if (comparisons.length === 0) throw new Error(`no benchmark has "${options.filter}" in its name`);
  const results: Result[] = [];
  for (const comparison of comparisons) {
    if (process.stderr.isTTY) process.stderr.write(`${comparison.op} ${comparison.shape} …\n`);
    results.push(await compare(comparison));
  }
  const environment = { node: process.version, cpu: cpus()[0]?.model ?? 'unknown' };
  if (options.json) process.stdout.write(`${JSON.stringify({ ...environment, results }, null, 2)}\n`);
  else process.stdout.write(`${environment.cpu}, Node ${environment.node}\n\n${formatTable(results)}\n`);
}

main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`bench: ${message.split('\n')[0]}\n`);
  process.exitCode = 1;
});
