import { availableParallelism } from 'node:os';
import { machine } from '@mobinet/bench/machine';
import { formatProbes } from '@mobinet/bench/report';
import { Command, InvalidArgumentError } from 'commander';
import { formatTable, jsonFlag, printJson, printResult, runProgram, say, wholeNumber } from 'mobinet/cli';
import { measureInference } from './inference.js';
import { jax, jaxVersion } from './jax.js';
import { convolutionWork, gemmWork, gradientWork } from './kernels.js';
import { findLarq, larqWork } from './larq.js';
import { onnxNodeVersion, onnxVersion } from './onnx.js';
import { findOtherNode } from './other-node.js';
import { type Row, ratiosOf, type Work } from './row.js';
import { Server } from './server.js';
import { measureStep, nameOfStep, stepShapes } from './steps.js';
import { startTfjs, tfjsVersion } from './tfjs.js';
import { findTorch, type Torch, torchProgram } from './torch.js';

const groups = ['gemm', 'conv', 'gradients', 'larq', 'step', 'inference'] as const;
type Group = (typeof groups)[number];

const program = new Command('bench:peers')
  .description(
    'times kernels, the training step and inference against other libraries, in turns: TensorFlow.js, onnxruntime, ' +
      'jax-js, PyTorch and Larq Compute Engine',
  )
  .option('--only <groups>', `a comma-separated list of ${groups.join(', ')}`, groupsOf, [...groups])
  .option('--filter <text>', 'only work whose name contains this, such as 3×3, 96×96 or "2 threads"', '')
  .option('--rounds <number>', 'how often each training step and each inference is timed', wholeNumber(1), 3)
  .option(...jsonFlag)
  .addHelpText(
    'after',
    `
npm run bench:install-peers installs PyTorch 2, Larq Compute Engine and a newer Node, which are several gigabytes.
Instead of PyTorch 2, Debian's takes part, if it is installed: apt install python3-torch libopenblas0`,
  )
  .action(run);

function groupsOf(text: string): Group[] {
  const names = text.split(',') as Group[];
  const unknown = names.find((name) => !groups.includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no group '${unknown}'.`);
  return names;
}

interface Flags {
  only: Group[];
  filter: string;
  rounds: number;
  json?: boolean;
}

async function run({ only, filter, rounds, json }: Flags): Promise<void> {
  const found = findTorch();
  const torch = typeof found === 'string' ? null : found;
  if (typeof found === 'string') say(found);
  const larq = findLarq();
  if (!larq) say('Larq Compute Engine is not installed (npm run bench:install-peers)');
  const otherNode = findOtherNode();
  if (!otherNode) say('no other version of Node is installed (npm run bench:install-peers)');

  const rows: Row[] = [];
  const add = (row: Row): void => {
    rows.push(row);
    if (!json) printResult(...formatRow(row).split('\n'));
  };
  await measureAll(
    [
      ...(only.includes('gemm') ? [gemmWork] : []),
      ...(only.includes('conv') ? convolutionWork : []),
      ...(only.includes('gradients') ? gradientWork : []),
      ...(only.includes('larq') && larq ? larqWork : []),
    ].filter(({ name }) => name.includes(filter)),
    torch,
    add,
  );
  const peers = { torch, otherNode, rounds };
  const threadCounts = availableParallelism() > 1 ? [1, 2] : [1];
  const parallel = threadCounts.map((threads) => ({
    threads,
    text: threads === 1 ? '1 thread' : `${threads} threads`,
  }));
  if (only.includes('step')) {
    for (const shape of stepShapes) {
      for (const { threads, text } of parallel) {
        const name = `${nameOfStep(shape)}, ${text}`;
        if (!name.includes(filter)) continue;
        const onProgress = (what: string): void => say(`training step, ${name}: ${what} …`);
        for (const row of await measureStep(shape, threads, { ...peers, onProgress })) add(row);
      }
    }
  }
  if (only.includes('inference')) {
    for (const { threads, text } of parallel) {
      if (!`inference, ${text}`.includes(filter)) continue;
      const onProgress = (what: string): void => say(`inference, ${text}: ${what} …`);
      for (const row of await measureInference(threads, { ...peers, onProgress })) add(row);
    }
  }
  const versions = {
    'tfjs-wasm': tfjsVersion,
    'tfjs-cpu': tfjsVersion,
    'onnxruntime-web': onnxVersion,
    'onnxruntime-node': onnxNodeVersion,
    'jax-js': jaxVersion,
    ...(torch && { pytorch: torch.version }),
    ...(larq && { 'Larq Compute Engine': larq }),
  };
  if (json) printJson({ ...machine(), versions, rows: rows.map((row) => ({ ...row, ratios: ratiosOf(row) })) });
}

/** Measures kernels and layers, one after the other. */
async function measureAll(work: readonly Work[], torch: Torch | null, add: (row: Row) => void): Promise<void> {
  if (work.length === 0) return;
  await startTfjs();
  const server = torch && (await Server.start('PyTorch', torchProgram(torch, 1, 'torch_kernels.py', { args: [] })));
  for (const item of work) {
    say(`${item.group}: ${item.name} …`);
    const row = await item.measure(server);
    if (row) add(row);
  }
  server?.stop();
  jax.stop();
}

function formatRow(row: Row): string {
  const { figures, minima = {}, probes } = row;
  const cells = Object.entries(figures).map(([name, value]) => [
    name,
    minima[name]?.toPrecision(4) ?? '',
    value.toPrecision(4),
    (value / figures.ours).toFixed(2),
  ]);
  const targets = ratiosOf(row).map(({ name, target, value, ofMinima = value }) => {
    const ratio = `${ofMinima.toFixed(2)}× (medians ${value.toFixed(2)}×) ${name}`;
    if (target === undefined) return ratio;
    return `${ratio}, target ${target}: ${Math.min(value, ofMinima) >= target ? 'met' : 'missed'}`;
  });
  const threads = row.threads === 1 ? '1 thread' : `${row.threads} threads`;
  return [
    `\n${row.group}: ${row.name}, ${threads}`,
    formatTable(['', `${row.unit}: minimum`, 'median', 'vs ours'], cells),
    ...targets,
    ...(probes ? [`${formatProbes(probes)} additions per nanosecond, one after the other`] : []),
  ].join('\n');
}

await runProgram(program);
process.exit();
