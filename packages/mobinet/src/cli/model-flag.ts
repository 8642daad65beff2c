import type { Module } from '@mobinet/autograd';
import type { Command } from 'commander';
import { DataError } from '../data/errors.js';
import type { Preprocessing } from '../data/prepare.js';
import { unpackModel } from '../export/packed-model.js';
import { packedFile, readModel } from '../training/files.js';
import { evaluatedModel, type TrainingRun } from '../training/run.js';
import { networkFlag } from './network-flag.js';

/** A network to run, from a packed file or a checkpoint. */
export interface LoadedModel {
  readonly model: Module;
  /** The names of the classes, if they are known. */
  readonly classes?: readonly string[] | undefined;
  readonly classCount: number;
  /** Height and width of its input images. */
  readonly imageSize: number;
  readonly preprocessing: Preprocessing;
  /** The run that it comes from, if it was read from a checkpoint. */
  readonly run?: TrainingRun;
}

/** Adds the flags that say which network to run. */
export function addModelFlag(command: Command): Command {
  return command
    .option('--model <file>', 'packed model, checkpoint or run folder', packedFile)
    .addOption(networkFlag());
}

/** Reads a packed model or a checkpoint, whichever the file contains. A run's folder stands for its files. */
export async function loadModel(path: string): Promise<LoadedModel> {
  const found = await readModel(path);
  if ('run' in found) {
    const { run } = found;
    const { options, training, classes } = run;
    const { resize, normalization } = training;
    return {
      model: evaluatedModel(run).eval(),
      run,
      classes,
      classCount: options.classes,
      imageSize: options.imageSize,
      preprocessing: { resize, normalization },
    };
  }
  const model = unpackModel(found.packed, found.file);
  const { imageShape, classCount, preprocessing, info } = model;
  const [height, width, channels] = imageShape;
  if (height !== width || channels !== 3) {
    model.dispose();
    throw new DataError(
      `${found.file}: its images have shape [${imageShape}], but the command line supports only square RGB images`,
    );
  }
  return { model, classes: info.classes, classCount, imageSize: height, preprocessing };
}
