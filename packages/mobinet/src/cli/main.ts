import { Command } from 'commander';
import { version } from '../export/version.js';
import type { Network } from '../networks/network.js';
import { runProgram } from './program.js';

/**
 * Runs the command line `mobinet` on the arguments of the process. An error is printed as one line on stderr, and the
 * exit code is 1. `runProgram` does the same for commands of your own.
 */
export async function main(): Promise<void> {
  await runProgram((network) => programOf(network, process.argv[2]));
}

/**
 * The program with all its commands, which have the options of a kind of network as flags.
 *
 * @param name Load only the command of this name, if there is one: a prediction should not wait for what training needs.
 */
export async function programOf(network: Network, name?: string): Promise<Command> {
  const program = new Command('mobinet')
    .description('train, evaluate and run binary neural networks, whose weights and activations are single bits')
    .version(version);
  const names = name !== undefined && Object.hasOwn(commands, name) ? [name] : Object.keys(commands);
  const loaded = await Promise.all(names.map((name) => commands[name](network)));
  for (const command of loaded) program.addCommand(command);
  return program;
}

/** Loads each command, in the order of the help text. */
const commands: Readonly<Record<string, (network: Network) => Promise<Command>>> = {
  summary: async (network) => (await import('./summary.js')).summaryCommand(network),
  train: async (network) => (await import('./train.js')).trainCommand('train', { network }),
  evaluate: async () => (await import('./evaluate.js')).evaluateCommand(),
  report: async () => (await import('./report.js')).reportCommand(),
  'pack-data': async () => (await import('./pack-data.js')).packDataCommand(),
  export: async (network) => (await import('./export.js')).exportCommand(network),
  import: async (network) => (await import('./import.js')).importCommand(network),
  predict: async () => (await import('./predict.js')).predictCommand(),
  bench: async () => (await import('./bench.js')).benchCommand(),
  create: async () => (await import('./create.js')).createCommand(),
  'serve-demo': async () => (await import('./serve-demo.js')).serveDemoCommand(),
};
