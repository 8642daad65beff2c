/**
 * Checks that Node, Bun and Deno compute the same bits, and compares their speed. `npm run runtimes -- --help` explains
 * the flags.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { table } from './lib/document.js';
import { parseFlags, root, stop } from './lib/flags.js';
import { differences, merge, type RuntimeReport } from './lib/runtime-report.js';

const help = `Usage: npm run runtimes -- [options]

Runs one program in several JavaScript runtimes: it loads the demo's packed network, computes logits, and trains another
network for two steps, on one thread and on all. Fails unless every bit is the same as in this Node. If only one of the
two has a fused multiply-add, they are compared under MOBINET_KERNELS=portable, which does not use it. Prints a table:
threads that could be started, milliseconds per image of the packed network (one thread), and milliseconds of CPU time
for the first 50 images of a network of layers, while the runtime is still compiling.

  --runtime <name>=<path>  compare this Node with this runtime; may be repeated. The name starts with node, bun or deno,
                           such as node24=/opt/node24/bin/node (default: bun and deno, where they are on the PATH)
  --rounds <number>        measure in this many rounds, in which all runtimes take turns (default: 1)
  --help                   print this`;

interface Runtime {
  readonly name: string;
  readonly path: string;
}

const flags = parseFlags({
  runtime: { type: 'string', multiple: true },
  rounds: { type: 'string', default: '1' },
  help: { type: 'boolean' },
});
if (flags.help) {
  console.log(help);
  process.exit(0);
}
if (!/^[1-9]\d*$/.test(flags.rounds)) stop(`--rounds must be a whole number of at least 1, not ${flags.rounds}`);

const others = flags.runtime?.map(parseRuntime) ?? (await onPath(['bun', 'deno']));
const runtimes: readonly Runtime[] = [{ name: 'node', path: process.execPath }, ...others];
const rounds: RuntimeReport[][] = runtimes.map(() => []);
for (let round = 0; round < Number(flags.rounds); round++) {
  for (const [index, runtime] of runtimes.entries()) rounds[index].push(await reportOf(runtime));
}

const reports = rounds.map((reports, index) => {
  try {
    return merge(reports);
  } catch (error) {
    return stop(`${runtimes[index].name}: ${(error as Error).message}`);
  }
});
const different: string[][] = [];
for (const [index, report] of reports.entries()) {
  const comparable = report.multiplyAdd === reports[0].multiplyAdd;
  different.push(
    comparable
      ? differences(report, reports[0])
      : differences(await reportOf(runtimes[index], 'portable'), await reportOf(runtimes[0], 'portable')),
  );
}
console.log(
  table(
    [
      'runtime',
      'version',
      'threads',
      'multiply-add',
      'same bits',
      'ms per image: minimum',
      'median',
      'first 50 images: CPU ms',
    ],
    reports.map(({ version, threads, multiplyAdd, minimum, median, warmUp }, index) => [
      runtimes[index].name,
      version,
      String(threads),
      multiplyAdd,
      different[index].length === 0 ? 'yes' : 'no',
      minimum.toFixed(3),
      median.toFixed(3),
      warmUp.toFixed(0),
    ]),
  ),
);
const problems = different.flatMap((names, index) =>
  names.length === 0 ? [] : [`${runtimes[index].name} ${reports[index].version} (${names.join('; ')})`],
);
if (problems.length > 0) stop(`not the same bits as in Node ${reports[0].version}: ${problems.join(', ')}`);

function parseRuntime(text: string): Runtime {
  const [, name, path] = /^((?:node|bun|deno)[^=]*)=(.+)$/.exec(text) ?? [];
  if (path === undefined) {
    return stop(
      `--runtime must be <name>=<path>, where the name starts with node, bun or deno, such as ` +
        `node24=/opt/node24/bin/node, not ${text}`,
    );
  }
  return { name, path };
}

/** The runtimes that can be started by their names. */
async function onPath(names: readonly string[]): Promise<Runtime[]> {
  const found: Runtime[] = [];
  for (const name of names) {
    try {
      await promisify(execFile)(name, ['--version']);
      found.push({ name, path: name });
    } catch {
      console.error(`${name} is not on the PATH, so it is left out`);
    }
  }
  return found;
}

/** Runs the program in a runtime. Prints what it writes to stderr, such as why it has no threads. */
async function reportOf({ name, path }: Runtime, kernels?: 'portable'): Promise<RuntimeReport> {
  const program = join(root, 'scripts/lib/runtime-program.js');
  const args = name.startsWith('deno')
    ? ['run', '--no-prompt', '--allow-read', '--allow-env=MOBINET_KERNELS', program]
    : [program];
  const env = kernels === undefined ? process.env : { ...process.env, MOBINET_KERNELS: kernels };
  try {
    const { stdout, stderr } = await promisify(execFile)(path, args, { cwd: root, timeout: 300_000, env });
    if (stderr.trim() !== '') console.error(`${name}: ${stderr.trim()}`);
    return JSON.parse(stdout);
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    // The stack of an error, which runtimes print in different formats, begins with its message.
    const reason = stderr?.split('\n').find((line) => /error/i.test(line)) ?? message.split('\n')[0];
    return stop(`${name}: the program failed in ${path}: ${reason.trim()}`);
  }
}
