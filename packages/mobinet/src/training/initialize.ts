import { resolve } from 'node:path';
import type { Module } from '@mobinet/autograd';
import { assign, tidy } from '@mobinet/tensor/functions';
import { checkArgument, kinds } from '../data/arguments.js';
import { DataError } from '../data/errors.js';
import { makeWithoutMemory } from '../networks/network.js';
import { copyTensors, modelTensors } from '../networks/tensors.js';
import { findCheckpoint, readCheckpoint } from './files.js';
import { disposeRun, evaluatedModel, type TrainingRun } from './run.js';

/**
 * Starts a new run from the weights and running statistics of another run of the same architecture. Options that change
 * no shape may differ, so a binary network can start from its float twin. If the number of classes differs, the tensors
 * whose shape depends on it, those of the classifier, keep their fresh values. If the other run averages its weights,
 * the averages are taken, and if this one does, they start from the same values.
 *
 * @param run The new run, whose tensors are overwritten.
 * @param path A checkpoint or a run folder. Packed models do not contain the weights that training needs.
 * @returns The names of the tensors that keep their fresh values.
 * @throws FormatError, one line, if the file is not an intact checkpoint. DataError if it cannot be read or has another
 *   architecture.
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { encodeCheckpoint, initializeFrom, newRun, paperTraining, saveFile } from 'mobinet';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * const options = { width: 0.25, imageSize: 32 };
 * const start = (classes: string[]) => newRun(options, paperTraining, { classes, trainImages: 100 });
 * const file = join(folder, 'pets.safetensors');
 * await saveFile(file, encodeCheckpoint(start(['cat', 'dog'])));
 *
 * const run = start(['lion', 'tiger', 'leopard']);
 * console.log(`new: ${await initializeFrom(run, file)}`);
 * // → new: classifier.weight,classifier.bias
 * await rm(folder, { recursive: true });
 * ```
 */
export async function initializeFrom(run: TrainingRun, path: string): Promise<readonly string[]> {
  checkArgument('initializeFrom: the run', run, kinds.run);
  checkArgument('initializeFrom: the path', path, kinds.path);
  const source = await readCheckpoint(path);
  try {
    checkSameArchitecture(run, source, path);
    const saved = modelTensors(evaluatedModel(source));
    const fresh: string[] = [];
    for (const [name, target] of modelTensors(run.model)) {
      const tensor = saved.get(name)!;
      if (tensor.shape.join() === target.shape.join()) assign(target, tensor);
      else fresh.push(name);
    }
    if (run.average) copyTensors(modelTensors(run.model), run.average.module);
    run.init = resolve(await findCheckpoint(path));
    return fresh;
  } finally {
    disposeRun(source);
  }
}

function checkSameArchitecture(run: TrainingRun, source: TrainingRun, path: string): void {
  if (source.network.name !== run.network.name) {
    throw new DataError(`${path} is a run of the network ${source.network.name}, not ${run.network.name}`);
  }
  tidy(() => {
    // With as many classes as the other network, this one must have the same tensors.
    const { classes } = source.options;
    const like = makeWithoutMemory(run.network, run.network.resolve({ ...run.options, classes }));
    const [own, saved] = [like, source.model].map(shapesOf);
    const name = [...own.keys(), ...saved.keys()].find((name) => own.get(name) !== saved.get(name));
    if (name === undefined) return;
    const describe = (shape: string | undefined): string => (shape === undefined ? 'missing' : `[${shape}]`);
    throw new DataError(
      `${path} has another architecture: its ${name} is ${describe(saved.get(name))}, but that of this network ` +
        `is ${describe(own.get(name))}${differingOptions(source, run)}`,
    );
  });
}

/** The shapes of all tensors by name, as text. */
const shapesOf = (model: Module): Map<string, string> =>
  new Map(Array.from(modelTensors(model), ([name, { shape }]) => [name, shape.join()]));

/** A sentence about the options of two networks that differ, if any. */
function differingOptions(source: TrainingRun, run: TrainingRun): string {
  const [saved, own] = [source, run].map(({ options }) => options as Record<string, unknown>);
  const differing = Object.keys(saved)
    .filter((key) => !['classes', 'seed'].includes(key) && saved[key] !== own[key])
    .map((key) => `${key} ${saved[key]} instead of ${own[key]}`);
  return differing.length > 0 ? `. Its options are ${differing.join(', ')}` : '';
}
