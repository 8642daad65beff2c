import type { Module } from '@mobinet/autograd';
import type { Command } from 'commander';
import type { Preprocessing } from '../data/prepare.js';
import { packedFile, packedInfoOf, readCheckpoint, readPacked } from '../export/files.js';
import { type PackedInfo, usualPreprocessing } from '../export/packed-format.js';
import type { TrainingRun } from '../training/run.js';
import { checkpointFile } from '../training/run-folder.js';

/** A network to run, from a packed file or a checkpoint. */
export interface LoadedModel {
  readonly model: Module;
  readonly info: PackedInfo;
  readonly preprocessing: Preprocessing;
  /** Where it comes from a checkpoint. */
  readonly run?: TrainingRun;
}

export function addModelFlag(command: Command): Command {
  return command.option('--model <file>', `a packed model, or a run's ${checkpointFile}`, packedFile);
}

/** Reads a packed model, or the network of a checkpoint: what the file says it is. */
export async function loadModel(path: string): Promise<LoadedModel> {
  const isCheckpoint = path.endsWith(checkpointFile);
  if (isCheckpoint) {
    const run = await readCheckpoint(path);
    return { ...withPreprocessing(run.model.eval(), { options: run.model.options, ...packedInfoOf(run) }), run };
  }
  const packed = await readPacked(path);
  return withPreprocessing(packed, packed.info);
}

/** A file made from an untrained network says nothing of images: those of the paper are then assumed. */
function withPreprocessing(model: Module, info: PackedInfo): LoadedModel {
  return { model, info, preprocessing: info.preprocessing ?? usualPreprocessing(info.options) };
}
