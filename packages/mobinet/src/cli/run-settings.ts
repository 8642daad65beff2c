import type { ImageDataset } from '../data/source.js';
import type { Network } from '../networks/network.js';
import type { ImageOptions } from '../networks/options.js';
import { isFinished } from '../training/best.js';
import { readCheckpoint } from '../training/files.js';
import { fitMicroBatches, gigabytes } from '../training/fit-memory.js';
import { makeSchedule, type TrainingOptions } from '../training/options.js';
import { type PresetName, presets } from '../training/presets.js';
import { type ImageLocation, newRun, type TrainingRun } from '../training/run.js';
import type { StepPlan } from '../training/step-memory.js';
import { type NetworkFlags, networkOptionsOf, type TrainingFlags, trainingOf } from './flags.js';
import { say } from './output.js';

/** The flags that say what a run is. */
export type RunFlags = TrainingFlags & NetworkFlags & { readonly preset?: PresetName };

/** What a new run is made of. */
export interface RunStart {
  readonly network: Network;
  readonly preset: PresetName;
  readonly flags: RunFlags;
  readonly dataset: ImageDataset;
  readonly source: ImageLocation;
}

/** A run from its beginning: a preset, with what flags change of it. */
export function startRun({ network, preset, flags, dataset, source }: RunStart): TrainingRun {
  const { classes } = dataset;
  const { model, training } = presets[preset];
  const usual = { ...model, ...network.presets[preset] };
  const options = network.resolve({ ...usual, ...networkOptionsOf(flags, network), classes: classes.length });
  // Another --size keeps the preset's proportion of scaled image to cut.
  const { imageSize } = network.resolve(usual);
  const resize = flags.resize ?? Math.round((options.imageSize * training.resize) / imageSize);
  const settings = trainingOf(flags, { ...training, resize });
  const microBatches = flags.microBatches ?? chooseMicroBatches({ network, options, training: settings });
  const data = { network, classes, trainImages: dataset.train.length, preset, source };
  return newRun(options, { ...settings, microBatches }, data);
}

/** As few as fit into the memory of this machine. Since what is computed depends on it, it is reported, and kept when the run goes on. */
function chooseMicroBatches(step: Omit<StepPlan, 'microBatches'>): number {
  const { microBatches, needed, available } = fitMicroBatches(step);
  if (microBatches > 1) {
    say(
      `each batch of ${step.training.batchSize} is cut into ${microBatches} micro-batches, as memory has room for ` +
        `${gigabytes(available)}, and a step takes up to ${gigabytes(needed)} so (--micro-batches ${microBatches})`,
    );
  }
  return microBatches;
}

/** Settings that a run may change when it goes on. All others make it what it is. */
const changeable = ['epochs', 'patience', 'microBatches'] as const satisfies (keyof TrainingOptions)[];

/** A run resumed from its checkpoint, and the training options that it had before flags changed them. */
export interface ResumedRun {
  readonly run: TrainingRun;
  readonly before: TrainingOptions;
}

/**
 * Resumes a run from its checkpoint. Prints nothing: `tellChanges` does, once the caller has checked everything else.
 *
 * @throws RangeError for flags that describe another run.
 */
export async function resumeRun(path: string, flags: RunFlags, network: Network): Promise<ResumedRun> {
  const run = await readCheckpoint(path);
  checkSame(path, run, flags, network);
  const training = trainingOf(flags, run.training);
  const { epoch, batch } = run.progress;
  const begun = batch > 0 ? epoch + 1 : epoch;
  if (training.epochs < begun) {
    throw new RangeError(`${path} is in epoch ${begun} already. Use at least --epochs ${begun}`);
  }
  return { run: { ...run, training }, before: run.training };
}

function checkSame(path: string, run: TrainingRun, flags: RunFlags, network: Network): void {
  const isOther = run.network.name !== network.name;
  if (isOther && (flags.network !== undefined || Object.keys(networkOptionsOf(flags, network)).length > 0)) {
    throw new RangeError(`${path} is a run of the network ${run.network.name}, not ${network.name}`);
  }
  if (flags.preset !== undefined && flags.preset !== run.preset) {
    const what = run.preset === undefined ? 'does not say its preset' : `was started with the preset ${run.preset}`;
    throw new RangeError(`${path} ${what}, and goes on with its own settings. Leave out --preset ${flags.preset}`);
  }
  for (const [key, value] of Object.entries(networkOptionsOf(flags, run.network))) {
    const saved = run.options[key as keyof ImageOptions];
    if (saved !== value)
      throw new RangeError(`${path} is a run of another architecture: its ${key} is ${saved}, not ${value}`);
  }
  const given = { ...trainingOf(flags, run.training), ...pick(run.training, changeable) };
  for (const key of Object.keys(given) as (keyof TrainingOptions)[]) {
    if (JSON.stringify(given[key]) !== JSON.stringify(run.training[key])) {
      throw new RangeError(
        `--resume goes on with the run's own settings: its ${key} is ${JSON.stringify(run.training[key])}. ` +
          'Only --epochs, --patience and --micro-batches may be others',
      );
    }
  }
}

/** Reports what flags have changed in a resumed run, or why it has nothing left to train. */
export function tellChanges({ run, before }: ResumedRun): void {
  const { training, trainImages, progress } = run;
  if (training.microBatches !== before.microBatches) {
    say(
      `each batch is cut into ${training.microBatches} micro-batches from here on, not ${before.microBatches}: ` +
        'batch normalisation takes its statistics from them, so this is another run than it would have been',
    );
  }
  if (isFinished(run)) {
    const isStopped = progress.epoch < training.epochs;
    say(
      isStopped
        ? `the run has stopped after epoch ${progress.epoch}, as its --patience is ${training.patience}: with more it goes on`
        : `all ${training.epochs} epochs are done: with more --epochs it goes on`,
    );
  } else if (training.epochs !== before.epochs) {
    const batches = Math.ceil(trainImages / training.batchSize);
    const rate = makeSchedule(training, training.epochs * batches);
    const next = progress.epoch * batches + progress.batch;
    say(
      `the run goes on to epoch ${training.epochs}, not ${before.epochs}: from here on its learning rate is that of so many epochs ` +
        `(${training.schedule}), ${significant(rate(next))} in the next step`,
    );
  }
}

const significant = (value: number): string => String(Number(value.toPrecision(3)));

function pick<T, K extends keyof T>(record: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, record[key]])) as Pick<T, K>;
}
