import { createRequire } from 'node:module';
import { Command } from 'commander';
import { evaluateCommand } from './evaluate.js';
import { exportCommand } from './export.js';
import { predictCommand } from './predict.js';
import { runProgram } from './program.js';
import { summaryCommand } from './summary.js';
import { trainCommand } from './train.js';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** The command line `mobinet`. */
export async function main(): Promise<void> {
  const program = new Command('mobinet')
    .description(
      'binary neural networks: train, evaluate and run a MobileNet whose weights and activations are single bits',
    )
    .version(version);
  for (const command of [
    summaryCommand(),
    trainCommand('train'),
    evaluateCommand(),
    exportCommand(),
    predictCommand(),
  ]) {
    program.addCommand(command);
  }
  await runProgram(program);
}
