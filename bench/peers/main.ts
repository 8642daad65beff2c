import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machine } from '@mobinet/bench/machine';
import { Command, InvalidArgumentError } from 'commander';
import { saveFile } from 'mobinet';
import { formatTable, jsonFlag, printJson, printResult, runProgram, say, wholeNumber } from 'mobinet/cli';
import { measureInference } from './inference.js';
import { convolutionWork, gemmWork, gradientWork } from './kernels.js';
import { onnxNodeVersion, onnxVersion } from './onnx.js';
import { type Row, ratioOf } from './row.js';
import { measureStep, stepShapes } from './steps.js';
import { startTfjs, tfjsVersion } from './tfjs.js';
import { findTorch, TorchServer } from './torch.js';

const resultsFile = fileURLToPath(new URL('../../results.json', import.meta.url));

const groups = ['gemm', 'conv', 'gradients', 'step', 'inference'] as const;
type Group = (typeof groups)[number];

const program = new Command('bench:peers')
  .description(
    'times kernels, the training step and inference against TensorFlow.js, onnxruntime and PyTorch, in turns',
  )
  .option('--only <groups>', `a comma-separated list of ${groups.join(', ')}`, groupsOf, [...groups])
  .option('--rounds <number>', 'how often each training step and each inference is timed', wholeNumber(1), 3)
  .option('--out <file>', 'where to save the results (default: bench/results.json, if all groups are measured)')
  .option(...jsonFlag)
  .addHelpText(
    'after',
    `
PyTorch takes part if Debian's packages are installed: apt install python3-torch libopenblas0`,
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
  rounds: number;
  out?: string;
  json?: boolean;
}

async function run({ only, rounds, out, json }: Flags): Promise<void> {
  const torch = findTorch();
  if (!torch) say('PyTorch is not installed, so its columns are left out (apt install python3-torch libopenblas0)');
  else if (!torch.blas.includes('openblas')) {
    say(`PyTorch uses ${torch.blas || 'no BLAS'} for matrix products: it is several times faster with libopenblas0`);
  }
  const rows: Row[] = [];
  const add = (row: Row): void => {
    rows.push(row);
    if (!json) printResult(...formatRow(row).split('\n'));
  };
  const work = [
    ...(only.includes('gemm') ? [gemmWork] : []),
    ...(only.includes('conv') ? convolutionWork : []),
    ...(only.includes('gradients') ? gradientWork : []),
  ];
  if (work.length > 0) {
    await startTfjs();
    const server = torch && new TorchServer(1);
    for (const item of work) {
      say(`${item.group}: ${item.name} …`);
      const row = await item.measure(server);
      if (row) add(row);
    }
    server?.stop();
  }
  const threadCounts = availableParallelism() > 1 ? [1, 2] : [1];
  if (only.includes('step')) {
    const onProgress = (what: string): void => say(`training step: ${what} …`);
    for (const shape of stepShapes) {
      for (const threads of threadCounts) {
        for (const row of await measureStep(shape, threads, { hasTorch: torch !== null, rounds, onProgress })) add(row);
      }
    }
  }
  if (only.includes('inference')) {
    const onProgress = (what: string): void => say(`inference: ${what} …`);
    for (const row of await measureInference(threadCounts, { hasTorch: torch !== null, rounds, onProgress })) add(row);
  }
  const versions = {
    'tfjs-wasm': tfjsVersion,
    'tfjs-cpu': tfjsVersion,
    'onnxruntime-web': onnxVersion,
    'onnxruntime-node': onnxNodeVersion,
    ...(torch && { pytorch: `${torch.version} with ${torch.blas}` }),
  };
  const result = { ...machine(), versions, rows: rows.map((row) => ({ ...row, ratios: ratios(row) })) };
  if (json) printJson(result);
  const file = out ? resolve(process.env.INIT_CWD ?? '.', out) : only.length === groups.length ? resultsFile : null;
  if (file === null) return;
  await saveFile(file, `${JSON.stringify(result, null, 2)}\n`);
  say(`saved ${file}`);
}

const ratios = (row: Row) =>
  row.comparisons
    .map((comparison) => ({ name: comparison.name, target: comparison.target, value: ratioOf(row, comparison) }))
    .filter(({ value }) => value !== null);

function formatRow(row: Row): string {
  const cells = Object.entries(row.figures).map(([name, value]) => [
    name,
    value.toPrecision(4),
    (value / row.figures.ours).toFixed(2),
  ]);
  const targets = ratios(row).map(({ name, target, value }) => {
    return `${value!.toFixed(2)}× ${name}, target ${target}: ${value! >= target ? 'met' : 'missed'}`;
  });
  const threads = row.threads === 1 ? '1 thread' : `${row.threads} threads`;
  return [`\n${row.group}: ${row.name}, ${threads}`, formatTable(['', row.unit, 'vs ours'], cells), ...targets].join(
    '\n',
  );
}

await runProgram(program);
process.exit();
