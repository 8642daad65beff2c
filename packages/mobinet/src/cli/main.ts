import { Command } from 'commander';
import { version } from '../version.js';
import { benchCommand } from './bench.js';
import { evaluateCommand } from './evaluate.js';
import { exportCommand } from './export.js';
import { importCommand } from './import.js';
import { predictCommand } from './predict.js';
import { runProgram } from './program.js';
import { serveDemoCommand } from './serve-demo.js';
import { summaryCommand } from './summary.js';
import { trainCommand } from './train.js';

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
    importCommand(),
    predictCommand(),
    benchCommand(),
    serveDemoCommand(),
  ]) {
    program.addCommand(command);
  }
  await runProgram(program);
}
