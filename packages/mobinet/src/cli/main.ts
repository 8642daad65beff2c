import { Command } from 'commander';
import { version } from '../export/version.js';
import type { Network } from '../networks/network.js';
import { benchCommand } from './bench.js';
import { createCommand } from './create.js';
import { evaluateCommand } from './evaluate.js';
import { exportCommand } from './export.js';
import { importCommand } from './import.js';
import { packDataCommand } from './pack-data.js';
import { predictCommand } from './predict.js';
import { runProgram } from './program.js';
import { reportCommand } from './report.js';
import { serveDemoCommand } from './serve-demo.js';
import { summaryCommand } from './summary.js';
import { trainCommand } from './train.js';

/** Runs the command line `mobinet`. */
export async function main(): Promise<void> {
  await runProgram(commandsFor);
}

/** All commands, with the options of a kind of network as flags. */
export function commandsFor(network: Network): Command {
  const program = new Command('mobinet')
    .description('train, evaluate and run binary neural networks, whose weights and activations are single bits')
    .version(version);
  for (const command of [
    summaryCommand(network),
    trainCommand('train', { network }),
    evaluateCommand(),
    reportCommand(),
    packDataCommand(),
    exportCommand(network),
    importCommand(network),
    predictCommand(),
    benchCommand(),
    createCommand(),
    serveDemoCommand(),
  ]) {
    program.addCommand(command);
  }
  return program;
}
