import type { ImageDataset } from '../data/source.js';
import { readCheckpoint } from '../export/files.js';
import type { MoBiNetOptions } from '../model/options.js';
import { fitMicroBatches, gigabytes } from '../training/fit-memory.js';
import { type PresetName, presets } from '../training/presets.js';
import { type ImageLocation, newRun, type TrainingRun } from '../training/run.js';
import { type ArchitectureFlags, architectureOf, type TrainingFlags, trainingOf } from './flags.js';
import { say } from './output.js';

/** The flags that say what a run is. */
export interface RunFlags extends ArchitectureFlags, TrainingFlags {
  preset?: PresetName;
}

/** A run from its beginning: a preset, with what flags change of it. */
export function startRun(
  preset: PresetName,
  flags: RunFlags,
  dataset: ImageDataset,
  source: ImageLocation,
): TrainingRun {
  const { model, training } = presets[preset];
  const classes = dataset.classes;
  const options: Partial<MoBiNetOptions> = { ...model, ...architectureOf(flags), classes: classes.length };
  const scaled = flags.size && flags.resize === undefined ? { resize: scaledResize(preset, flags.size) } : {};
  const settings = trainingOf(flags, { ...training, ...scaled });
  const microBatches = flags.microBatches ?? chooseMicroBatches(options, settings);
  return newRun(
    options,
    { ...settings, microBatches },
    {
      classes,
      trainImages: dataset.train.length,
      source,
    },
  );
}

/** As few as fit into the memory of this machine. Since what is computed depends on it, it is told, and kept when the run goes on. */
function chooseMicroBatches(options: Partial<MoBiNetOptions>, training: TrainingRun['training']): number {
  const { microBatches, needed, available } = fitMicroBatches(options, training);
  if (microBatches > 1) {
    say(
      `each batch of ${training.batchSize} is cut into ${microBatches} micro-batches, as memory has room for ` +
        `${gigabytes(available)}, and a step takes up to ${gigabytes(needed)} so (--micro-batches ${microBatches})`,
    );
  }
  return microBatches;
}

/** Another --size keeps the preset's proportion of scaled image to cut. */
function scaledResize(preset: PresetName, size: number): number {
  const { model, training } = presets[preset];
  return Math.round((size * training.resize) / ('imageSize' in model ? model.imageSize : 224));
}

/** A run that goes on from its checkpoint. @throws RangeError for flags that describe another one. */
export async function resumeRun(path: string, flags: RunFlags): Promise<TrainingRun> {
  const run = await readCheckpoint(path);
  for (const [key, value] of Object.entries(architectureOf(flags))) {
    const saved = run.model.options[key as keyof MoBiNetOptions];
    if (saved !== value)
      throw new RangeError(`${path} is a run of another architecture: its ${key} is ${saved}, not ${value}`);
  }
  const changed = trainingOf(flags, run.training);
  for (const key of Object.keys(changed) as (keyof typeof changed)[]) {
    if (JSON.stringify(changed[key]) !== JSON.stringify(run.training[key])) {
      throw new RangeError(
        `--resume goes on with the run's own settings: its ${key} is ${JSON.stringify(run.training[key])}`,
      );
    }
  }
  return run;
}
