import { dispose } from '@mobinet/tensor';
import { Command, Option } from 'commander';
import { onnxFile, packedFile, packedInfoOf, readCheckpoint, readPackedFile } from '../export/files.js';
import { encodeOnnx, exportOnnx } from '../export/onnx.js';
import { packModel } from '../export/pack.js';
import type { PackedInfo } from '../export/packed-format.js';
import { createMoBiNet, type MoBiNet } from '../model/mobinet.js';
import { type MoBiNetOptions, optionRanges } from '../model/options.js';
import { classNamesFlag, readClassNames } from './class-names.js';
import {
  type ArchitectureFlags,
  addArchitectureFlags,
  architectureOf,
  hasItsOwn,
  jsonFlag,
  numberIn,
} from './flags.js';
import { orStdout, saveResult } from './save-result.js';

/** What a network can be saved as: the file's usual name, and its bytes. */
const formats = {
  packed: { file: packedFile, encode: packModel },
  onnx: { file: onnxFile, encode: exportOnnx },
} as const;

interface ExportFlags extends ArchitectureFlags {
  checkpoint?: string;
  model?: string;
  untrained?: boolean;
  format: keyof typeof formats;
  classNames?: string;
  out?: string;
  json?: boolean;
}

/** `mobinet export`: a checkpoint, a packed model or a freshly initialised network, as a packed file or an ONNX model. */
export function exportCommand(): Command {
  const command = new Command('export').description('save a network with 1-bit weights, or for other runtimes as ONNX');
  command
    .option('--checkpoint <run>', "a run's folder or checkpoint")
    .option('--model <file>', 'a packed model, to be saved as ONNX')
    .option('--untrained', 'a freshly initialised network of the architecture below')
    .addOption(
      new Option('--format <name>', 'a packed model, or ONNX with signs as floats')
        .choices(Object.keys(formats))
        .default('packed'),
    )
    .option('--out <file>', `${orStdout} (default: ${packedFile}, or ${onnxFile})`);
  addArchitectureFlags(command)
    .option('--classes <number>', 'classes to tell apart (default: 1000)', numberIn(optionRanges.classes))
    .option(...classNamesFlag)
    .option(...jsonFlag)
    .addHelpText(
      'after',
      `
Examples:
  mobinet export --checkpoint runs/photos --out photos.mobinet.safetensors
  mobinet export --model photos.mobinet.safetensors --format onnx --out photos.onnx
  mobinet export --untrained --width 0.5 --classes 10`,
    );
  return command.action(runExport);
}

async function runExport(flags: ExportFlags): Promise<void> {
  const { checkpoint, model, untrained, format, json } = flags;
  const architecture = architectureOf(flags);
  if ([checkpoint, model, untrained].filter((source) => source !== undefined).length !== 1) {
    throw new RangeError('give one of --checkpoint RUN, --model FILE and --untrained');
  }
  if (!untrained && Object.keys(architecture).length > 0) {
    throw new RangeError(hasItsOwn(model === undefined ? 'checkpoint' : 'packed model'));
  }
  const { file, encode } = formats[format];
  const bytes =
    model !== undefined ? await encodeModel(model, flags) : await encodeNetwork(flags, architecture, encode);
  const out = flags.out ?? file;
  await saveResult(out, bytes, json);
}

async function encodeModel(path: string, { format, classNames }: ExportFlags): Promise<Uint8Array> {
  if (format === 'packed') throw new RangeError(`${path} is packed already. Use --format onnx`);
  const { info, tensors } = await readPackedFile(path);
  const bytes = encodeOnnx({ info: await renamed(info, info.options, classNames), tensors });
  dispose(tensors);
  return bytes;
}

/** Of a checkpoint, or else of a fresh network. */
async function encodeNetwork(
  { checkpoint, classNames }: ExportFlags,
  architecture: Partial<MoBiNetOptions>,
  encode: (model: MoBiNet, info: Omit<PackedInfo, 'options'>) => Uint8Array,
): Promise<Uint8Array> {
  const run = checkpoint === undefined ? null : await readCheckpoint(checkpoint);
  const model = run?.model ?? createMoBiNet(architecture);
  return encode(model, await renamed(run ? packedInfoOf(run) : {}, model.options, classNames));
}

/** What is known of a network, with the names that --class-names gives its classes. */
async function renamed<I extends Pick<PackedInfo, 'classes'>>(
  info: I,
  { classes }: MoBiNetOptions,
  file: string | undefined,
): Promise<I> {
  if (file === undefined) return info;
  return { ...info, classes: await readClassNames(file, classes, 'the number of classes is') };
}
