import { setThreads, threadCount } from '@mobinet/tensor';
import { Command } from 'commander';
import { jsonFlag, printJson, printResult, runProgram, wholeNumber } from 'mobinet/cli';
import { machine } from './machine.js';
import { median } from './median.js';
import { makeTrainingStep, type StepOptions } from './training-step.js';

interface Flags extends StepOptions {
  threads?: number;
  steps: number;
  json?: boolean;
}

/** Untimed steps, in which kernels are compiled and memory grows to its final size. */
const warmUpSteps = 4;

const program = new Command('bench:step')
  .description('times training steps of MoBiNet Mid, K = 3, at full width: forward, backward and Adam')
  .option('--size <pixels>', 'height and width of the images', wholeNumber(1), 96)
  .option('--batch <images>', 'batch size', wholeNumber(1), 8)
  .option('--classes <number>', 'number of classes', wholeNumber(2), 1000)
  .option('--threads <number>', 'number of threads (default: one per processor)', wholeNumber(1))
  .option('--steps <number>', 'number of timed steps', wholeNumber(5), 11)
  .option(...jsonFlag)
  .action(run);

async function run({ threads, steps, json, ...options }: Flags): Promise<void> {
  // Waits until all threads have started: the steps below would not let them.
  await setThreads(threads ?? threadCount());
  const step = makeTrainingStep(options);
  for (let i = 0; i < warmUpSteps; i++) await step();
  const times: number[] = [];
  let loss = Number.NaN;
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    loss = await step();
    times.push(performance.now() - start);
  }
  const milliseconds = median(times);
  // Peak memory of the whole process. Node reports KiB on every system.
  const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
  if (json) {
    printJson({
      milliseconds,
      ...options,
      threads: threads ?? machine().processors,
      steps,
      loss,
      peakMemoryBytes,
      ...machine(),
    });
  } else {
    printResult(
      `${milliseconds.toFixed(1)} ms per step, ${((1000 * options.batch) / milliseconds).toFixed(1)} images/s, ` +
        `peak memory ${(peakMemoryBytes / 2 ** 20).toFixed(0)} MiB`,
    );
  }
}

await runProgram(program);
