import type { Module } from '@mobinet/autograd';
import { Command, Option } from 'commander';
import { exportOnnx } from '../export/onnx.js';
import { type ExportOptions, packModel } from '../export/pack.js';
import { unpackModel } from '../export/packed-model.js';
import type { Network } from '../networks/network.js';
import { exportOptionsOf, imageShapeOf, onnxFile, packedFile, readCheckpoint, readModel } from '../training/files.js';
import { evaluatedModel, type TrainingRun } from '../training/run.js';
import { classNamesFlag, readClassNames } from './class-names.js';
import {
  addClassesFlag,
  addNetworkFlags,
  architectureIsFixed,
  jsonFlag,
  type NetworkFlags,
  networkOptionsOf,
} from './flags.js';
import { orStdout, saveResult } from './save-result.js';
import { exportScript, scriptFile } from './script-file.js';

/** The formats that a network can be saved in: the default file name, and the encoder. */
const formats = {
  packed: { file: packedFile, encode: packModel },
  onnx: { file: onnxFile, encode: exportOnnx },
  js: { file: scriptFile, encode: exportScript },
} as const;

type ExportFlags = NetworkFlags & {
  readonly checkpoint?: string;
  readonly model?: string;
  readonly untrained?: boolean;
  readonly format: keyof typeof formats;
  readonly classNames?: string;
  readonly out?: string;
  readonly json?: boolean;
};

/** `mobinet export`: saves a checkpoint, a packed model or a new network, packed, as ONNX or as a script. */
export function exportCommand(network: Network): Command {
  const command = new Command('export').description(
    'save a network with 1-bit weights, alone or in a script that runs it, or as ONNX for other runtimes',
  );
  command
    .option('--checkpoint <run>', 'export a training run, given its folder or checkpoint')
    .option(
      '--model <file>',
      'export a packed model, checkpoint or run folder, in another format or with other class names',
    )
    .option('--untrained', 'export a freshly initialized network with the options below')
    .addOption(
      new Option(
        '--format <name>',
        'packed file with 1-bit weights, ONNX with signs as floats, or one JavaScript file with everything to run it',
      )
        .choices(Object.keys(formats))
        .default('packed'),
    )
    .option('--out <file>', `${orStdout} (default: ${packedFile}, ${onnxFile} or ${scriptFile})`);
  addClassesFlag(addNetworkFlags(command, network), network)
    .option(...classNamesFlag)
    .option(...jsonFlag)
    .addHelpText(
      'after',
      `
Examples:
  mobinet export --checkpoint runs/photos --out photos.mobinet.safetensors
  mobinet export --model photos.mobinet.safetensors --format onnx --out photos.onnx
  mobinet export --model photos.mobinet.safetensors --format js --out photos.js
  mobinet export --untrained --width 0.5 --classes 10`,
    );
  return command.action((flags: ExportFlags) => runExport(flags, network));
}

async function runExport(flags: ExportFlags, network: Network): Promise<void> {
  const { checkpoint, model, untrained, format, classNames, json } = flags;
  const options = networkOptionsOf(flags, network);
  if ([checkpoint, model, untrained].filter((source) => source !== undefined).length !== 1) {
    throw new RangeError('give exactly one of --checkpoint RUN, --model FILE and --untrained');
  }
  if (!untrained && Object.keys(options).length > 0) {
    throw new RangeError(architectureIsFixed(model === undefined ? 'checkpoint' : 'packed model'));
  }
  if (model !== undefined && format === 'packed' && classNames === undefined) {
    throw new RangeError(`${model} is already packed. Use --format onnx or js, or --class-names`);
  }
  const source = await sourceOf(flags, network, options);
  const classes =
    classNames === undefined
      ? source.about.classes
      : await readClassNames(classNames, source.classCount, 'the network has');
  const { file, encode } = formats[format];
  await saveResult(flags.out ?? file, encode(source.module, { ...source.about, classes }), json);
}

/** A network to export, with its metadata. */
interface Source {
  readonly module: Module;
  readonly classCount: number;
  readonly about: ExportOptions;
}

async function sourceOf(
  { checkpoint, model }: ExportFlags,
  network: Network,
  given: Record<string, unknown>,
): Promise<Source> {
  if (model !== undefined) {
    const found = await readModel(model);
    if ('run' in found) return sourceOfRun(found.run);
    const module = unpackModel(found.packed, found.file);
    return { module, classCount: module.classCount, about: module.info };
  }
  if (checkpoint !== undefined) return sourceOfRun(await readCheckpoint(checkpoint));
  const options = network.resolve(given);
  return {
    module: network.make(options),
    classCount: options.classes,
    about: { imageShape: imageShapeOf(options) },
  };
}

const sourceOfRun = (run: TrainingRun): Source => ({
  module: evaluatedModel(run),
  classCount: run.options.classes,
  about: exportOptionsOf(run),
});
