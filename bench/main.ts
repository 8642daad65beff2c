import { setThreads, useBackend } from '@mobinet/tensor';
import { Command, Option } from 'commander';
import { jsonFlag, printJson, printResult, runProgram, say, wholeNumber } from 'mobinet/cli';
import { bandwidth } from './bandwidth.js';
import { bitConvolutions, bitGemm } from './bits.js';
import { gemm, gradients, stepGradients } from './floats.js';
import { type GpuResult, type GpuSizes, gpuWorks, hoursOfImageNet, timeOnGpu } from './gpu.js';
import { machine } from './machine.js';
import { formatGpuResults, formatSection } from './report.js';
import { type Result, runBenchmark, type Section } from './section.js';
import { TorchGpu } from './torch-gpu.js';

const sections: readonly Section[] = [bitGemm, bitConvolutions, gemm, gradients, stepGradients, bandwidth];

const program = new Command('bench')
  .description('times kernels: bits against floats, lookup tables against multiply-adds, two threads against one')
  .option('--filter <text>', 'only benchmarks whose name contains this, such as gradients or 784')
  .option('--threads <number>', 'threads of contenders that do not set their own', wholeNumber(1), 1)
  .addOption(
    new Option('--device <name>', 'the CPU, or a GPU (matrix products, inference and training)')
      .choices(['cpu', 'webgpu'])
      .default('cpu'),
  )
  .option('--copy-megabytes <number>', 'GPU only: size of the tensor that is copied', wholeNumber(1), 256)
  .option('--matrix <rows>', 'GPU only: rows and columns of the matrices', wholeNumber(1), 4096)
  .option('--image-size <pixels>', 'GPU only: height and width of the images', wholeNumber(1), 224)
  .option('--inference-batch <images>', 'GPU only: batch size of inference', wholeNumber(1), 256)
  .option('--training-batch <images>', 'GPU only: batch size of training', wholeNumber(1), 128)
  .option('--kernels', 'GPU only: report the time of each kernel, and its share of the rate of a copy')
  .option('--python <command>', 'GPU only: Python with PyTorch and CUDA, to compare networks with', 'python3')
  .option(...jsonFlag)
  .action(run);

interface Flags extends GpuSizes {
  filter?: string;
  threads: number;
  device: 'cpu' | 'webgpu';
  kernels?: boolean;
  python: string;
  json?: boolean;
}

async function run(flags: Flags): Promise<void> {
  await (flags.device === 'webgpu' ? runOnGpu(flags) : runOnCpu(flags));
}

async function runOnGpu({ filter = '', kernels = false, python, json, ...sizes }: Flags): Promise<void> {
  const { reason } = await useBackend('webgpu');
  const chosen = gpuWorks(sizes).filter(({ name }) => name.includes(filter));
  if (chosen.length === 0) throw new RangeError(`no GPU benchmark's name contains "${filter}"`);
  const torch = chosen.some((work) => work.torch) ? await startTorch(python) : null;
  const results: GpuResult[] = [];
  try {
    for (const [index, work] of chosen.entries()) {
      say(`${index + 1}/${chosen.length} ${work.name} …`);
      results.push(await timeOnGpu(work, { kernels, torch }));
    }
  } finally {
    torch?.stop();
  }
  const peer = torch ? { torch: torch.name } : {};
  if (json) printJson({ ...machine(), device: reason, ...peer, ...hoursOfImageNet(results), results });
  else printResult([reason, ...Object.values(peer)].join('; '), '', ...formatGpuResults(results).split('\n'));
}

/** Starts PyTorch. Without it, or without CUDA, nothing is compared. */
async function startTorch(python: string): Promise<TorchGpu | null> {
  const torch = await TorchGpu.start(python);
  if (torch instanceof TorchGpu) return torch;
  say(`nothing is compared with PyTorch: ${torch.reason}`);
  return null;
}

async function runOnCpu({ filter = '', threads, json }: Flags): Promise<void> {
  const chosen = sections.flatMap((section) =>
    section.benchmarks
      .filter(({ name }) => `${section.title} ${name}`.includes(filter))
      .map((benchmark) => ({ section, benchmark })),
  );
  if (chosen.length === 0) throw new RangeError(`no benchmark's name contains "${filter}"`);
  if (!json) printResult(`${machine().cpu}, ${machine().node}; minima (medians) of five turns`);
  const results: Result[] = [];
  for (const [index, { section, benchmark }] of chosen.entries()) {
    say(`${index + 1}/${chosen.length} ${section.title} ${benchmark.name} …`);
    results.push(await runBenchmark(section, benchmark, threads));
    const ofSection = results.filter((result) => result.section === section.title);
    if (!json && chosen[index + 1]?.section !== section)
      printResult('', ...formatSection(section, ofSection).split('\n'));
  }
  if (json) printJson({ ...machine(), threads, results });
  await setThreads(1);
}

await runProgram(program);
