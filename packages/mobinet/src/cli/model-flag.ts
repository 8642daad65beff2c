import type { Module } from '@mobinet/autograd';
import type { Command } from 'commander';
import { DataError } from '../data/errors.js';
import type { Preprocessing } from '../data/prepare.js';
import { networkFormat } from '../export/checked-file.js';
import { packedFile, packedInfoOf, readModel } from '../export/files.js';
import { type PackedInfo, usualPreprocessing } from '../export/packed-format.js';
import { unpackModel } from '../export/packed-model.js';
import { unpackNetwork } from '../export/packed-network.js';
import type { TrainingRun } from '../training/run.js';

/** A network to run, from a packed file or a checkpoint. */
export interface LoadedModel {
  readonly model: Module;
  /** Names of the classes, where they are known. */
  readonly classes?: readonly string[];
  readonly classCount: number;
  /** Height and width of its images. */
  readonly imageSize: number;
  readonly preprocessing: Preprocessing;
  /** Where it comes from a checkpoint. */
  readonly run?: TrainingRun;
}

export function addModelFlag(command: Command): Command {
  return command.option('--model <file>', "a packed model, a checkpoint, or a run's folder", packedFile);
}

/** Reads a packed network, of any kind, or the network of a checkpoint: what the file says it is. A run's folder stands for its files. */
export async function loadModel(path: string): Promise<LoadedModel> {
  const found = await readModel(path);
  if ('run' in found) {
    const { run } = found;
    return { ...ofMoBiNet(run.model.eval(), { options: run.model.options, ...packedInfoOf(run) }), run };
  }
  if (found.format !== networkFormat.format) {
    const packed = unpackModel(found.packed, found.file);
    return ofMoBiNet(packed, packed.info);
  }
  const network = unpackNetwork(found.packed, found.file);
  const { imageShape, classCount, preprocessing, info } = network;
  const [height, width, channels] = imageShape;
  if (height !== width || channels !== 3) {
    network.dispose();
    throw new DataError(
      `${found.file}: a network of images [${imageShape}]. The command line makes square ones ready, of 3 colours`,
    );
  }
  return {
    model: network,
    ...(info.classes && { classes: info.classes }),
    classCount,
    imageSize: height,
    preprocessing,
  };
}

/** A file made from an untrained network says nothing of images: those of the paper are then assumed. */
function ofMoBiNet(model: Module, { options, classes, preprocessing }: PackedInfo): LoadedModel {
  return {
    ...{ model, classCount: options.classes, imageSize: options.imageSize, ...(classes && { classes }) },
    preprocessing: preprocessing ?? usualPreprocessing(options),
  };
}
