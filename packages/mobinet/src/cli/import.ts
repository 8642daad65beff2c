import { describeRange, isInRange } from '@mobinet/tensor/functions';
import { Command, InvalidArgumentError } from 'commander';
import { type Normalization, normalizationRanges } from '../data/augment.js';
import { resizeRange } from '../data/prepare.js';
import { readBytes } from '../data/read-bytes.js';
import { importWeights } from '../export/import-weights.js';
import { packModel } from '../export/pack.js';
import { defaultPreprocessing } from '../export/packed-info.js';
import type { Network } from '../networks/network.js';
import { imageShapeOf, packedFile } from '../training/files.js';
import { classNamesFlag, readClassNames } from './class-names.js';
import { addClassesFlag, addNetworkFlags, jsonFlag, type NetworkFlags, networkOptionsOf } from './flags.js';
import { numberIn } from './number-flags.js';
import { orStdout, saveResult } from './save-result.js';

type ImportFlags = NetworkFlags & {
  readonly classes?: number;
  readonly classNames?: string;
  readonly resize?: number;
  readonly mean?: Normalization['mean'];
  readonly std?: Normalization['std'];
  readonly out: string;
  readonly json?: boolean;
};

/** `mobinet import`: saves weights that were trained elsewhere as a packed file. */
export function importCommand(network: Network): Command {
  const command = new Command('import')
    .description('convert float weights trained elsewhere to a packed file with 1-bit weights')
    .argument('<file>', 'safetensors file with all parameters and running statistics, named as in docs/interop.md')
    .option('--out <file>', orStdout, packedFile);
  addClassesFlag(addNetworkFlags(command, network), network)
    .option(...classNamesFlag)
    .option(
      '--resize <pixels>',
      'shorter side that images are scaled to before cropping (default: 256/224 of --size)',
      numberIn(resizeRange),
    )
    .option('--mean <r,g,b>', "mean to subtract from colors in [0, 1] (default: ImageNet's)", threeNumbers('mean'))
    .option('--std <r,g,b>', "standard deviation to divide by (default: ImageNet's)", threeNumbers('std'))
    .option(...jsonFlag)
    .addHelpText(
      'after',
      `
Example:
  mobinet import weights.safetensors --width 0.5 --size 32 --class-names classes.txt --out photos.mobinet.safetensors`,
    );
  return command.action((file: string, flags: ImportFlags) => runImport(file, flags, network));
}

async function runImport(file: string, flags: ImportFlags, network: Network): Promise<void> {
  const { out, json, classNames } = flags;
  const classes =
    classNames === undefined ? undefined : await readClassNames(classNames, flags.classes, '--classes is');
  const options = network.resolve({ ...networkOptionsOf(flags, network), ...(classes && { classes: classes.length }) });
  const { resize, normalization } = defaultPreprocessing(options.imageSize);
  const preprocessing = {
    resize: flags.resize ?? resize,
    normalization: { mean: flags.mean ?? normalization.mean, std: flags.std ?? normalization.std },
  };
  const model = importWeights(await readBytes(file, 'weights file'), { network, options, source: file });
  const bytes = packModel(model, { imageShape: imageShapeOf(options), preprocessing, classes });
  await saveResult(out, bytes, json);
}

/** A parser for three numbers: red, green and blue. */
function threeNumbers(key: keyof Normalization): (text: string) => Normalization['mean'] {
  const range = normalizationRanges[key];
  return (text) => {
    const [red, green, blue, ...more] = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
    if (![red, green, blue].every((number) => isInRange(number, range)) || more.length > 0) {
      const each = describeRange(range).replace(/^a number /, '');
      throw new InvalidArgumentError(`It must be three numbers separated by commas, each ${each}.`);
    }
    return [red, green, blue];
  };
}
