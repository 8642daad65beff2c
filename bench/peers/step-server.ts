import { makeTrainingStep, type StepOptions } from '@mobinet/bench/training-step';
import { setThreads } from '@mobinet/tensor';
import { Command } from 'commander';
import { runProgram, wholeNumber } from 'mobinet/cli';
import { serve, timeFor } from './serve.js';

/** Times our training steps, for requests on stdin. */

const program = new Command('step-server')
  .requiredOption('--size <pixels>', 'height and width of the images', wholeNumber(1))
  .requiredOption('--batch <images>', 'batch size', wholeNumber(1))
  .requiredOption('--classes <number>', 'number of classes', wholeNumber(2))
  .requiredOption('--threads <number>', 'number of threads', wholeNumber(1))
  .action(async ({ threads, ...options }: StepOptions & { threads: number }) => {
    await setThreads(threads);
    const step = makeTrainingStep(options);
    for (let i = 0; i < 4; i++) await step();
    await serve(({ seconds }) => timeFor(seconds, step));
  });

await runProgram(program);
process.exit();
