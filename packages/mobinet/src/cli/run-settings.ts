import { fingerprintOf } from '../data/fingerprint.js';
import { type ImageDataset, summarizeData } from '../data/source.js';
import { floatTwinOf } from '../networks/float-twin.js';
import { type Network, presetOptions } from '../networks/network.js';
import type { ImageOptions } from '../networks/options.js';
import { isFinished } from '../training/best.js';
import { packedFile, readCheckpoint } from '../training/files.js';
import { fitMicroBatches, gigabytes } from '../training/fit-memory.js';
import { initializeFrom } from '../training/initialize.js';
import { checkTraining, makeSchedule, type TrainingOptions } from '../training/options.js';
import { type PresetName, presets } from '../training/presets.js';
import { type ImageLocation, newRun, type TrainingRun } from '../training/run.js';
import type { StepPlan } from '../training/step-memory.js';
import { checkTeacher, type Teacher } from '../training/teacher.js';
import { definedOnly } from './defined-only.js';
import { flagNamed, type NetworkFlags, networkOptionsOf, type TrainingFlags, trainingOf } from './flags.js';
import { say } from './output.js';
import type { Ranks } from './ranks.js';
import { autoTeacher, checkSameTeacher, teacherFolder } from './teacher-flags.js';

/** The flags that define a run. */
export type RunFlags = TrainingFlags & NetworkFlags & { readonly preset?: PresetName; readonly init?: string };

/** What a new run is created from. */
export interface RunStart {
  readonly network: Network;
  readonly preset: PresetName;
  readonly flags: RunFlags;
  readonly dataset: ImageDataset;
  readonly source: ImageLocation;
  /** The teacher, unless it is the float twin, which does not exist yet. */
  readonly teacher?: Teacher | null;
  /** The processes that will train the run. */
  readonly ranks: Ranks;
}

/** Creates a new run from a preset, overridden by flags. */
export async function startRun(start: RunStart): Promise<TrainingRun> {
  const { network, preset, flags, dataset, source, teacher, ranks } = start;
  const { classes } = dataset;
  const summary = summarizeData(dataset);
  const { model, training } = presets[preset](summary, definedOnly({ epochs: flags.epochs, batchSize: flags.batch }));
  const defaults = { ...model, ...presetOptions(network, preset, summary) };
  const options = network.resolve({ ...defaults, ...networkOptionsOf(flags, network), classes: classes.length });
  // Another --size keeps the preset's ratio of scaled image to crop.
  const { imageSize } = network.resolve(defaults);
  const resize = flags.resize ?? Math.round((options.imageSize * training.resize) / imageSize);
  const settings = trainingOf(flags, { ...training, resize });
  if (teacher) checkTeacher({ training: settings, options, classes }, teacher);
  const twin = flags.teacher === autoTeacher ? floatTwinOf(network, options) : null;
  const makeTeacher = teacher ? () => teacher.model : twin ? () => network.make(twin) : undefined;
  const plan = { network, options, training: settings, makeTeacher };
  const microBatches = flags.microBatches ?? chooseMicroBatches(plan, ranks);
  const fingerprint = fingerprintOf(dataset) ?? undefined;
  const data = { network, classes, trainImages: dataset.train.length, preset, source, fingerprint };
  const run = newRun(options, { ...settings, microBatches }, data);
  if (preset === 'photos') reportChoice(run, Object.keys(defaults));
  if (twin) {
    const epochs = flags.teacherEpochs ?? Math.ceil(settings.epochs / 3);
    run.teacher = { file: `${teacherFolder}/${packedFile}`, epochs };
  }
  if (flags.init !== undefined) await initialize(run, flags.init);
  return run;
}

/** Reports what the preset has chosen by the data, as the flags that change it. */
function reportChoice({ options, training, trainImages }: TrainingRun, names: readonly string[]): void {
  const given = names.map((name) => `${flagNamed(name)} ${options[name as keyof ImageOptions]}`);
  say(
    `preset photos, for ${trainImages} images of ${options.classes} classes: ${given.join(' ')} ` +
      `--epochs ${training.epochs} --batch ${training.batchSize}`,
  );
}

/** Takes over the weights of another run, and reports which stay random. */
async function initialize(run: TrainingRun, path: string): Promise<void> {
  const fresh = await initializeFrom(run, path);
  const but =
    fresh.length > 0 ? `, but with a new classifier for ${run.classes.length} classes: ${fresh.join(', ')}` : '';
  say(`starting from the weights of ${run.init}${but}`);
}

/**
 * Chooses as few micro-batches as fit into the memory of each process, and at least one for each. Results depend on the
 * number, so it is reported, and kept when the run is resumed.
 */
export function chooseMicroBatches(step: Omit<StepPlan, 'microBatches'>, { team, memory }: Ranks): number {
  const { microBatches, needed, available } = fitMicroBatches(step, { moreThan: team.size - 1, available: memory });
  if (microBatches > 1) {
    const purpose =
      microBatches === team.size
        ? 'one for each process'
        : `so that a step needs up to ${gigabytes(needed)} of the ${gigabytes(available)} available`;
    say(
      `splitting each batch of ${step.training.batchSize} into ${microBatches} micro-batches, ${purpose} ` +
        `(--micro-batches ${microBatches})`,
    );
  }
  return microBatches;
}

/** The settings that may change when a run is resumed. All others define the run. */
const changeable = ['epochs', 'patience', 'microBatches', 'exchange'] as const satisfies (keyof TrainingOptions)[];

/** A run resumed from its checkpoint, and the training options that it had before flags changed them. */
export interface ResumedRun {
  readonly run: TrainingRun;
  readonly before: TrainingOptions;
}

/**
 * Resumes a run from its checkpoint. Prints nothing: `reportChanges` does, once the caller has checked everything else.
 *
 * @throws RangeError if flags contradict the settings of the run.
 */
export async function resumeRun(path: string, flags: RunFlags, network: Network): Promise<ResumedRun> {
  const run = await readCheckpoint(path);
  checkSame(path, run, flags, network);
  const training = trainingOf(flags, run.training);
  const { epoch, batch } = run.progress;
  const begun = batch > 0 ? epoch + 1 : epoch;
  if (training.epochs < begun) {
    throw new RangeError(`${path} is already in epoch ${begun}. Use at least --epochs ${begun}`);
  }
  checkTraining(training);
  return { run: { ...run, training }, before: run.training };
}

function checkSame(path: string, run: TrainingRun, flags: RunFlags, network: Network): void {
  const isOther = run.network.name !== network.name;
  if (isOther && (flags.network !== undefined || Object.keys(networkOptionsOf(flags, network)).length > 0)) {
    throw new RangeError(`${path} is a run of the network ${run.network.name}, not ${network.name}`);
  }
  if (flags.preset !== undefined && flags.preset !== run.preset) {
    const what = run.preset === undefined ? 'does not record a preset' : `was started with the preset ${run.preset}`;
    throw new RangeError(`${path} ${what} and keeps its own settings. Leave out --preset ${flags.preset}`);
  }
  for (const [key, value] of Object.entries(networkOptionsOf(flags, run.network))) {
    const saved = run.options[key as keyof ImageOptions];
    if (saved !== value) throw new RangeError(`${path} has another architecture: its ${key} is ${saved}, not ${value}`);
  }
  checkSameTeacher(path, run, flags);
  const given = { ...trainingOf(flags, run.training), ...pick(run.training, changeable) };
  for (const key of Object.keys(given) as (keyof TrainingOptions)[]) {
    if (JSON.stringify(given[key]) !== JSON.stringify(run.training[key])) {
      throw new RangeError(
        `--resume keeps the settings of the run: its ${key} is ${JSON.stringify(run.training[key])}. ` +
          'Only --epochs, --patience, --micro-batches and --exchange may change',
      );
    }
  }
}

/** Reports what flags have changed in a resumed run, or how to continue a finished one. */
export function reportChanges({ run, before }: ResumedRun): void {
  const { training, trainImages, progress } = run;
  if (training.microBatches !== before.microBatches) {
    say(
      `from here on, each batch is split into ${training.microBatches} micro-batches instead of ${before.microBatches}. ` +
        'Batch normalization takes its statistics from each, so the results will differ',
    );
  }
  if (isFinished(run)) {
    const isStopped = progress.epoch < training.epochs;
    say(
      isStopped
        ? `the run stopped early after epoch ${progress.epoch} (--patience ${training.patience}). Raise --patience to continue`
        : `all ${training.epochs} epochs are done. Raise --epochs to continue`,
    );
  } else if (training.epochs !== before.epochs) {
    const batches = Math.ceil(trainImages / training.batchSize);
    const rate = makeSchedule(training, training.epochs * batches);
    const next = progress.epoch * batches + progress.batch;
    say(
      `training for ${training.epochs} epochs instead of ${before.epochs}: the learning rate now follows the ` +
        `${training.schedule} schedule of ${training.epochs} epochs, with ${significant(rate(next))} in the next step`,
    );
  }
}

const significant = (value: number): string => String(Number(value.toPrecision(3)));

function pick<T, K extends keyof T>(record: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, record[key]])) as Pick<T, K>;
}
