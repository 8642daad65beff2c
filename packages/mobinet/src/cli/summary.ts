import type { Module } from '@mobinet/autograd';
import { Command } from 'commander';
import type { ExportOptions } from '../export/pack.js';
import { unpackModel } from '../export/packed-model.js';
import { makeWithoutMemory, type Network } from '../networks/network.js';
import { drawGraph } from '../summary/graph.js';
import { summary } from '../summary/summary.js';
import { exportOptionsOf, imageShapeOf, readModel } from '../training/files.js';
import { evaluatedModel } from '../training/run.js';
import {
  addClassesFlag,
  addNetworkFlags,
  architectureIsFixed,
  jsonFlag,
  type NetworkFlags,
  networkOptionsOf,
} from './flags.js';
import { printJson, printResult } from './output.js';
import { saveText } from './save-result.js';
import { formatSummary } from './table.js';

type SummaryFlags = NetworkFlags & { readonly model?: string; readonly graph?: string; readonly json?: boolean };

/** `mobinet summary`: shows the layers of a network and their cost. */
export function summaryCommand(network: Network): Command {
  const command = new Command('summary')
    .description('show the layers of a network: shapes, parameters, multiply-adds and saved bytes')
    .option('--model <file>', 'summarize this packed model, checkpoint or run folder, instead of the flags below')
    .option('--graph <file>', 'draw the layers as a Mermaid flowchart into this file, or - for stdout');
  addClassesFlag(addNetworkFlags(command, network), network)
    .option(...jsonFlag)
    .addHelpText(
      'after',
      `
Each layer is a convolution or matrix product, with the operations that follow it in evaluation. FLOPs are counted as in
the paper: float multiply-adds + binary multiply-adds / 64. Most editors and code hosts can display Mermaid files.

Examples:
  mobinet summary --block mid --k 3
  mobinet summary --width 0.25 --size 32 --classes 10 --json
  mobinet summary --model runs/photos/model.mobinet.safetensors --graph photos.mmd`,
    );
  return command.action((flags: SummaryFlags) => runSummary(flags, network));
}

async function runSummary(flags: SummaryFlags, network: Network): Promise<void> {
  const { model, graph, json } = flags;
  const options = networkOptionsOf(flags, network);
  if (model !== undefined && Object.keys(options).length > 0) throw new RangeError(architectureIsFixed('model'));
  const [module, about] = model === undefined ? fresh(network, options) : await saved(model);
  if (graph !== undefined) return saveText(graph, drawGraph(module, about), json);
  const result = summary(module, about);
  if (json) printJson(result);
  else printResult(...formatSummary(result).split('\n'));
}

/** A network made from options. To be summarized, it needs no memory. */
function fresh(network: Network, given: Record<string, unknown>): [Module, ExportOptions] {
  const options = network.resolve(given);
  return [makeWithoutMemory(network, options), { imageShape: imageShapeOf(options) }];
}

async function saved(path: string): Promise<[Module, ExportOptions]> {
  const found = await readModel(path);
  if ('run' in found) return [evaluatedModel(found.run), exportOptionsOf(found.run)];
  const packed = unpackModel(found.packed, found.file);
  return [packed, packed.info];
}
