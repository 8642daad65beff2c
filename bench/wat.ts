import { bitMatmul, matmul, packBits, Rng, setThreads, tidy } from '@mobinet/tensor';
import { watchKernels } from '@mobinet/tensor/kernels';
import { Command } from 'commander';
import { formatTable, printResult, runProgram, wholeNumber } from 'mobinet/cli';
import openWabt from 'wabt';
import { makeTrainingStep } from './training-step.js';

interface Flags {
  m: number;
  n: number;
  k: number;
}

/** Work whose kernels depend on the sizes given. All other kernels come from a training step. */
const products: Record<string, (sizes: Flags) => void> = {
  bits_gemm: ({ m, n, k }) => bitMatmul(packBits(normal(m, k)), packBits(normal(n, k))),
  f32_gemm: ({ m, n, k }) => matmul(normal(m, k), normal(k, n)),
};

const normal = (rows: number, columns: number) => Rng.fromSeed(1).normal([rows, columns]);

const program = new Command('wat')
  .description('prints kernels as WebAssembly text; without a name, lists those of a training step')
  .argument('[name]', 'print the kernels whose names begin with this')
  .option('--m <rows>', 'm of the product [m, k] · [k, n]', wholeNumber(1), 32)
  .option('--n <columns>', 'n of the product', wholeNumber(1), 32)
  .option('--k <length>', 'k of the product; for bits_gemm, the number of signs in a row', wholeNumber(1), 256)
  .addHelpText('after', '\nExamples:\n  wat bits_gemm --k 256\n  wat f32_adam')
  .action(run);

async function run(name: string | undefined, sizes: Flags): Promise<void> {
  const kernels = await assembledKernels(name, sizes);
  if (name === undefined) {
    const rows = [...kernels].sort().map(([name, bytes]) => [name, bytes.byteLength]);
    printResult(...formatTable(['kernel', 'bytes'], rows).split('\n'));
    return;
  }
  const chosen = [...kernels].filter(([kernel]) => kernel.startsWith(name));
  if (chosen.length === 0)
    throw new Error(`no kernel's name begins with ${name}. 'npm run wat' lists those of a training step`);
  const wabt = await openWabt();
  for (const [, bytes] of chosen) {
    const module = wabt.readWasm(bytes, { readDebugNames: true, simd: true, threads: true, relaxed_simd: true });
    module.applyNames();
    printResult(...module.toText({ foldExprs: true, inlineExport: true }).split('\n'));
    module.destroy();
  }
}

/** Kernels are assembled when they first run, for the sizes at hand: so this runs some work and collects them. */
async function assembledKernels(name: string | undefined, sizes: Flags): Promise<Map<string, Uint8Array>> {
  const kernels = new Map<string, Uint8Array>();
  watchKernels((name, bytes) => kernels.set(name, bytes));
  await setThreads(1);
  const matching = Object.entries(products).filter(([product]) => name === undefined || name.startsWith(product));
  for (const [, product] of matching) tidy(() => product(sizes));
  if (name === undefined || matching.length === 0) await makeTrainingStep({ size: 32, batch: 1, classes: 10 })();
  watchKernels(null);
  return kernels;
}

await runProgram(program);
