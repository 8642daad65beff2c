import { dispose } from '@mobinet/tensor';
import { Command } from 'commander';
import { readPackedFile } from '../export/files.js';
import { type MoBiNetOptions, optionRanges } from '../model/options.js';
import { summary } from '../model/summary.js';
import {
  type ArchitectureFlags,
  addArchitectureFlags,
  architectureOf,
  hasItsOwn,
  jsonFlag,
  numberIn,
} from './flags.js';
import { formatSummary, printJson, printResult } from './output.js';

interface SummaryFlags extends ArchitectureFlags {
  model?: string;
  json?: boolean;
}

/** `mobinet summary`: what a network is made of and what it costs. */
export function summaryCommand(): Command {
  const command = new Command('summary')
    .description('shapes, parameters, multiply-adds and saved bytes of a network')
    .option('--model <file>', 'of the network in this packed model, in place of the flags below');
  addArchitectureFlags(command)
    .option('--classes <number>', 'classes to tell apart (default: 1000)', numberIn(optionRanges.classes))
    .option(...jsonFlag)
    .addHelpText(
      'after',
      `
FLOPs are the paper's: float multiply-adds + binary multiply-adds / 64.

Examples:
  mobinet summary --block mid --k 3
  mobinet summary --width 0.25 --size 32 --classes 10 --json
  mobinet summary --model runs/photos/model.mobinet.safetensors`,
    );
  return command.action(runSummary);
}

async function runSummary({ model, json, ...flags }: SummaryFlags): Promise<void> {
  const architecture = architectureOf(flags);
  if (model !== undefined && Object.keys(architecture).length > 0) throw new RangeError(hasItsOwn('packed model'));
  const result = summary(model === undefined ? architecture : await optionsOf(model));
  if (json) printJson(result);
  else printResult(...formatSummary(result).split('\n'));
}

async function optionsOf(model: string): Promise<MoBiNetOptions> {
  const { info, tensors } = await readPackedFile(model);
  dispose(tensors);
  return info.options;
}
