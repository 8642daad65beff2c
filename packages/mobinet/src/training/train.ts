import { Adam } from '@mobinet/autograd';
import { checkNumber, checkRecord, currentBackend, Rng } from '@mobinet/tensor/functions';
import { checkArgument, checkKinds, kinds } from '../data/arguments.js';
import { fingerprintOf } from '../data/fingerprint.js';
import { ImageLoader } from '../data/loader.js';
import { microBatchSize } from '../data/micro-batches.js';
import type { ImageDataset } from '../data/source.js';
import type { Communicator } from '../distributed/communicator.js';
import { OneBitUpdate } from '../distributed/one-bit-update.js';
import { LocalUpdate, type ParameterUpdate } from '../distributed/parameter-update.js';
import { ExactSum, ReplicatedUpdate } from '../distributed/replicated-update.js';
import { ShardedUpdate } from '../distributed/sharded-update.js';
import { Team } from '../distributed/team.js';
import type { FileSystem } from '../files/file-system.js';
import { checkAgreement, checkRanks } from './agreement.js';
import { isFinished } from './best.js';
import { checkData } from './check-data.js';
import { type EpochOptions, finishEpoch, trainEpoch } from './epoch.js';
import { explainOutOfMemory } from './fit-memory.js';
import { type OwnFolder, ownFolder } from './own-folder.js';
import { Pace } from './pace.js';
import { recordDecoder } from './record-decoder.js';
import type { EpochMetrics, TrainingRun } from './run.js';
import { RunFolder } from './run-folder.js';
import { checkTeacher } from './teacher.js';

/** Options of `train`. */
export interface TrainOptions extends EpochOptions {
  /**
   * The run folder, for checkpoint.safetensors and metrics.jsonl: a path, which is created if necessary and locked
   * during training, or a folder that is owned already.
   */
  readonly out: string | Pick<OwnFolder, 'path'>;
  /** The folder that errors tell the user to resume. Default: `out`. */
  readonly resumeFrom?: string | undefined;
  /** Minutes between checkpoints within an epoch. Default 10. */
  readonly checkpointMinutes?: number | undefined;
  /** Threads that decode images. The result does not depend on their number. */
  readonly workers?: number | undefined;
  /** The share of images that may be skipped, as in `ImageLoader`. */
  readonly maxSkipped?: number | undefined;
  /** Called after each epoch, which has been saved. The next one waits for it. */
  readonly onEpoch?: ((metrics: EpochMetrics) => unknown) | undefined;
  /**
   * Called with a message for each image that has to be skipped, and if the image decoder has changed. Default:
   * `console.warn`.
   */
  readonly onWarning?: ((message: string) => void) | undefined;
  /**
   * The processes that train the run together (`openCommunicator`), each of which calls `train` with the same run, and
   * images that are the same. Their number must be a power of two, and not above `microBatches`. The result does not
   * depend on it. Only the first process uses `out`. Default: only this process.
   */
  readonly communicator?: Communicator | undefined;
  /** @internal With the exchange `signs`: the number of steps with exact sums at the start of the run. */
  readonly exactSteps?: number | undefined;
  /** @internal Whether gradients are sent while others are still being computed. Default true; to measure the gain. */
  readonly overlap?: boolean | undefined;
  /** @internal The file system that the run is written to. */
  readonly files?: FileSystem | undefined;
}

/** The result of `train`. */
export interface TrainResult {
  /** False if the signal ended training early. The run can be resumed from its checkpoint. */
  readonly finished: boolean;
  /** The number of images, of both splits, that could not be decoded. */
  readonly skippedImages: number;
}

/**
 * Trains a run from its current progress to its last epoch, or until its patience runs out. The run is saved after each
 * epoch, every few minutes, when the signal aborts, and when training fails. A run that is resumed from a checkpoint
 * ends with the same bits as one that was never interrupted.
 *
 * @param run A new run (`newRun`), or one that is resumed (`readCheckpoint`). It is changed in place.
 * @param dataset The images that the run was made for.
 * @throws DataError before the first step if the data or the teacher does not belong to the run, or its folder cannot
 *   be used.
 * @throws TrainingError if the loss becomes NaN or infinite; the last checkpoint is from before that. Also if training
 *   fails for another reason after some steps; the message says what was saved.
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { imagesFromArrays, newRun, paperTraining, train } from 'mobinet';
 *
 * // Eight images of 16×16 pixels, four dark and four bright, serve as both splits.
 * const pixels = new Uint8Array(8 * 16 * 16 * 3).fill(200, 4 * 16 * 16 * 3);
 * const images = imagesFromArrays({ height: 16, width: 16, pixels, labels: [0, 0, 0, 0, 1, 1, 1, 1] });
 * const classes = ['dark', 'bright'];
 *
 * const out = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * const network = { width: 0.0625, k: 1, imageSize: 16, stemStride: 1 };
 * const training = { ...paperTraining, epochs: 1, batchSize: 4, resize: 16 };
 * const run = newRun(network, training, { classes, trainImages: images.length });
 * const { finished } = await train(run, { classes, train: images, val: images }, { out });
 * console.log(`finished: ${finished}, epochs: ${run.history.length}`);
 * // → finished: true, epochs: 1
 * await rm(out, { recursive: true });
 * ```
 */
export async function train(run: TrainingRun, dataset: ImageDataset, options: TrainOptions): Promise<TrainResult> {
  checkArgument('train: the run', run, kinds.run);
  checkArgument('train: the images', dataset, kinds.dataset);
  checkKinds('train', options, trainKinds);
  const { teacher, out, checkpointMinutes = 0 } = options;
  checkNumber('train: checkpointMinutes', checkpointMinutes, { from: 0 });
  if (typeof out !== 'string') checkRecord('train: out', out);
  const team = new Team(options.communicator, { explain: (error) => explainOutOfMemory(error, run, teacher?.model) });
  team.together(() => checkRanks(run, team));
  await team.all(() => {
    checkData(run, dataset);
    checkTeacher(run, teacher);
  });
  if (teacher) run.teacher = { file: teacher.file, ...run.teacher, hash: teacher.hash };
  run.fingerprint ??= fingerprintOf(dataset) ?? undefined;
  let opened: OwnFolder | null = null;
  await team.first(async () => {
    if (typeof out === 'string') opened = await ownFolder(out, { resumed: run.optimizer.step > 0 });
  });
  try {
    return await trainTogether(run, dataset, { ...options, team });
  } finally {
    await closeFolder(opened);
  }
}

const trainKinds = {
  out: null,
  resumeFrom: kinds.path,
  checkpointMinutes: null,
  workers: null,
  maxSkipped: null,
  onEpoch: kinds.callback,
  onWarning: kinds.callback,
  communicator: kinds.record,
  teacher: kinds.record,
  signal: kinds.signal,
  onStep: kinds.callback,
  onValidation: kinds.callback,
  exactSteps: null,
  overlap: kinds.flag,
  files: kinds.record,
};

/** Tells the compiler that the folder was assigned in a callback. */
const closeFolder = async (folder: OwnFolder | null): Promise<void> => folder?.close();

async function trainTogether(
  run: TrainingRun,
  dataset: ImageDataset,
  { team, ...options }: TrainOptions & { team: Team },
): Promise<TrainResult> {
  const { out, onWarning, files, resumeFrom, checkpointMinutes = 10 } = options;
  await team.all(() => recordDecoder(run, dataset.train, team.leads ? onWarning : () => {}));
  await checkAgreement(run, team);
  const update = updateOf(run, team, options);
  const folder = await RunFolder.open(run, {
    out: typeof out === 'string' ? out : out.path,
    minutes: checkpointMinutes,
    resumeFrom,
    files,
    team,
    update,
  });
  const { training, model } = run;
  const loading = {
    size: run.options.imageSize,
    rng: Rng.fromSeed(training.seed),
    resize: training.resize,
    normalization: training.normalization,
    skipsLater: team.size > 1,
    ...(options.workers !== undefined && { workers: options.workers }),
    ...(options.maxSkipped !== undefined && { maxSkipped: options.maxSkipped }),
    ...(onWarning && { onWarning }),
    ...(!team.leads && { onWarning: () => {} }),
  };
  const { batchSize, microBatches, augment, mixup } = training;
  const cut = { batchSize, microBatches };
  const trainLoader = new ImageLoader(dataset.train, { ...loading, ...cut, shuffle: true, augment, mixup });
  // Training and validation take turns, so one set of threads decodes for both.
  const validating = { batchSize: microBatchSize(training), threadsOf: trainLoader };
  const valLoader = new ImageLoader(dataset.val, { ...loading, ...validating });
  const valImages = dataset.val.length;
  let areTogether = true;
  const work = { run, trainLoader, valLoader, valImages, folder, team, update, pace: new Pace(), options };
  try {
    model.train();
    while (!isFinished(run)) {
      const isWhole = await trainEpoch(work);
      const metrics = isWhole ? await finishEpoch(work) : null;
      // A run that was stopped before its first step has nothing to save.
      if (run.optimizer.step > 0) await folder.save();
      if (!metrics) return { finished: false, skippedImages: trainLoader.skipped + valLoader.skipped };
      await team.all(async () => void (await options.onEpoch?.(metrics)));
    }
    return { finished: true, skippedImages: trainLoader.skipped + valLoader.skipped };
  } catch (error) {
    // Only processes that have all come to the same point can save together.
    areTogether = team.isCommon(error);
    if (!areTogether) throw error;
    throw team.common(await folder.rescue(explainOutOfMemory(error, run, options.teacher?.model)));
  } finally {
    await Promise.all([trainLoader.close(), valLoader.close(), areTogether && update.close()]);
  }
}

/** The share of the steps with exact sums at the start of a run that exchanges signs, as in 1-bit Adam. */
const exactShare = 0.15;

/** The least number of these steps: before, the running means of squared gradients are not worth keeping. */
const leastExact = 100;

/** How the processes update the parameters. */
function updateOf(
  run: TrainingRun,
  team: Team,
  { overlap, exactSteps = exactStepsOf(run) }: Pick<TrainOptions, 'overlap' | 'exactSteps'>,
): ParameterUpdate {
  const { training, optimizer } = run;
  if (team.size === 1) return new LocalUpdate(run);
  const exact = (): ParameterUpdate =>
    currentBackend() === 'cpu'
      ? new ShardedUpdate(run, team, { overlap })
      : new ReplicatedUpdate(run, new ExactSum(run, team));
  if (training.exchange === 'exact') return exact();
  if (optimizer instanceof Adam) optimizer.freezeSquaresAfter = exactSteps;
  return new OneBitUpdate(run, team, { warmUp: exactSteps, exact });
}

function exactStepsOf({ training, trainImages }: TrainingRun): number {
  const steps = training.epochs * Math.ceil(trainImages / training.batchSize);
  return Math.max(leastExact, Math.ceil(exactShare * steps));
}
