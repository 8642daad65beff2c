import type { Module } from '@mobinet/autograd';
import type { Command } from 'commander';
import type { Preprocessing } from '../data/prepare.js';
import { packedFile, packedInfoOf, readModel } from '../export/files.js';
import { type PackedInfo, usualPreprocessing } from '../export/packed-format.js';
import { unpackModel } from '../export/packed-model.js';
import type { TrainingRun } from '../training/run.js';

/** A network to run, from a packed file or a checkpoint. */
export interface LoadedModel {
  readonly model: Module;
  readonly info: PackedInfo;
  readonly preprocessing: Preprocessing;
  /** Where it comes from a checkpoint. */
  readonly run?: TrainingRun;
}

export function addModelFlag(command: Command): Command {
  return command.option('--model <file>', "a packed model, a checkpoint, or a run's folder", packedFile);
}

/** Reads a packed model, or the network of a checkpoint: what the file says it is. A run's folder stands for its files. */
export async function loadModel(path: string): Promise<LoadedModel> {
  const found = await readModel(path);
  if ('run' in found) {
    const { run } = found;
    return { ...withPreprocessing(run.model.eval(), { options: run.model.options, ...packedInfoOf(run) }), run };
  }
  const packed = unpackModel(found.packed, found.file);
  return withPreprocessing(packed, packed.info);
}

/** A file made from an untrained network says nothing of images: those of the paper are then assumed. */
function withPreprocessing(model: Module, info: PackedInfo): LoadedModel {
  return { model, info, preprocessing: info.preprocessing ?? usualPreprocessing(info.options) };
}
