import { Command } from 'commander';
import { summary } from '../model/summary.js';
import { type ArchitectureFlags, addArchitectureFlags, architectureOf, jsonFlag, wholeNumber } from './flags.js';
import { formatSummary, printJson, printResult } from './output.js';

/** `mobinet summary`: what a network is made of and what it costs. */
export function summaryCommand(): Command {
  const command = new Command('summary').description('shapes, parameters, multiply-adds and saved bytes of a network');
  addArchitectureFlags(command)
    .option('--classes <number>', 'classes to tell apart (default: 1000)', wholeNumber(1))
    .option(...jsonFlag)
    .addHelpText(
      'after',
      `
FLOPs are the paper's: float multiply-adds + binary multiply-adds / 64.

Examples:
  mobinet summary --block mid --k 3
  mobinet summary --width 0.25 --size 32 --classes 10 --json`,
    );
  return command.action((flags: ArchitectureFlags & { json?: boolean }) => {
    const result = summary(architectureOf(flags));
    if (flags.json) printJson(result);
    else printResult(formatSummary(result));
  });
}
