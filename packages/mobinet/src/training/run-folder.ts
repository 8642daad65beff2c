import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { checkArgument, kinds } from '../data/arguments.js';
import { DataError, messageOf } from '../data/errors.js';
import { LocalUpdate, type ParameterUpdate } from '../distributed/parameter-update.js';
import { Team } from '../distributed/team.js';
import { type FileSystem, nodeFileSystem } from '../files/file-system.js';
import { linkFile } from '../files/link-file.js';
import { makeFolders } from '../files/make-folders.js';
import { saveFile } from '../files/save-file.js';
import { bestEpoch } from './best.js';
import { encodeCheckpoint, savedTensors } from './checkpoint.js';
import { disposeRun, type TrainingRun } from './run.js';
import { runOnHost } from './run-on-host.js';
import { diverged, TrainingError } from './training-error.js';

/**
 * The file name of the latest checkpoint in a run folder.
 *
 * @example
 * ```ts
 * import { join } from 'node:path/posix';
 * import { checkpointFile } from 'mobinet';
 *
 * console.log(join('runs/photos', checkpointFile));
 * // → runs/photos/checkpoint.safetensors
 * ```
 */
export const checkpointFile = 'checkpoint.safetensors';

/**
 * The file name of the checkpoint of the best epoch in a run folder.
 *
 * @example
 * ```ts
 * import { join } from 'node:path/posix';
 * import { bestFile } from 'mobinet';
 *
 * console.log(join('runs/photos', bestFile));
 * // → runs/photos/best.safetensors
 * ```
 */
export const bestFile = 'best.safetensors';

/**
 * The file name of the metrics in a run folder: one JSON object (`EpochMetrics`) per line and epoch.
 *
 * @example
 * ```ts
 * import type { EpochMetrics } from 'mobinet';
 * import { metricsFile } from 'mobinet';
 *
 * const lines = '{"epoch":1,"top1":70}\n{"epoch":2,"top1":75}\n'; // of a file of this name, shortened
 * const history: EpochMetrics[] = lines.trim().split('\n').map((line) => JSON.parse(line));
 * console.log(`${metricsFile}: ${history.map(({ top1 }) => top1)}`);
 * // → metrics.jsonl: 70,75
 * ```
 */
export const metricsFile = 'metrics.jsonl';

/** The file name of the report in a run folder. */
export const reportFile = 'report.html';

/**
 * Checks that a folder contains no run, whose checkpoint a new run would overwrite.
 *
 * @param out The folder, which need not exist.
 * @throws DataError if it contains one.
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { checkpointFile, DataError, refuseToOverwrite, saveFile } from 'mobinet';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * await refuseToOverwrite(folder); // an empty folder is fine
 * await saveFile(join(folder, checkpointFile), 'of an earlier run');
 * await refuseToOverwrite(folder).catch((error) => console.log(error instanceof DataError));
 * // → true
 * await rm(folder, { recursive: true });
 * ```
 */
export async function refuseToOverwrite(out: string): Promise<void> {
  checkArgument('refuseToOverwrite: the path', out, kinds.path);
  const file = join(out, checkpointFile);
  if (await exists(file)) {
    const problem = `${file} exists. Resume that run with --resume ${out}, or choose another --out`;
    throw new DataError(problem, { help: 'run-folder' });
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Copies the best checkpoint of a run that is resumed in another folder. */
export async function copyBestCheckpoint(from: string, to: string): Promise<void> {
  if (resolve(from) === resolve(to)) return;
  const bytes = await readFile(join(from, bestFile)).catch(() => null);
  if (bytes) await saveFile(join(to, bestFile), bytes);
}

/** Options of `RunFolder.open`. */
export interface RunFolderOptions {
  /** A folder that this process owns. */
  readonly out: string;
  /** Minutes between two checkpoints. */
  readonly minutes: number;
  /** The folder that errors tell the user to resume. Default: `out`. */
  readonly resumeFrom?: string | undefined;
  readonly files?: FileSystem | undefined;
  /** The processes that train the run together, of which the first one writes. Default: only this one. */
  readonly team?: Team | undefined;
  /** How they update the parameters, since they may have divided the state of the optimizer. */
  readonly update?: ParameterUpdate | undefined;
}

/**
 * Saves a run to its folder, and keeps track of what is not saved yet. If several processes train the run, all of them
 * have such an object and call its methods, but only the first one writes.
 */
export class RunFolder {
  readonly #run: TrainingRun;
  readonly #team: Team;
  readonly #update: ParameterUpdate;
  readonly #out: string;
  readonly #resumeFrom: string;
  readonly #interval: number;
  readonly #files: FileSystem;
  #savedAt = performance.now();
  #unsavedSteps = 0;
  #hasCheckpoint: boolean;

  private constructor(run: TrainingRun, options: RunFolderOptions) {
    const { out, minutes, resumeFrom = out, files = nodeFileSystem } = options;
    this.#run = run;
    this.#team = options.team ?? new Team();
    this.#update = options.update ?? new LocalUpdate(run);
    this.#out = out;
    this.#resumeFrom = resumeFrom;
    this.#interval = 60_000 * minutes;
    this.#files = files;
    // A run that already has steps was resumed from a checkpoint.
    this.#hasCheckpoint = run.optimizer.step > 0;
  }

  /** Opens the folder of a run, and completes files that a killed process has not written. */
  static async open(run: TrainingRun, options: RunFolderOptions): Promise<RunFolder> {
    const folder = new RunFolder(run, options);
    await folder.#team.first(() => folder.#complete());
    return folder;
  }

  async #complete(): Promise<void> {
    const run = this.#run;
    // A run that was killed after it wrote its checkpoint may lack its best checkpoint and its last metrics.
    if (isBestSoFar(run) && (await exists(join(this.#out, checkpointFile)))) await this.#keepBest();
    if (run.history.length > 0 && (await this.#savedMetrics()) !== metricsOf(run)) await this.#saveMetrics(run);
  }

  /** Whether the last checkpoint is so old that the run should be saved, to limit what a crash or a lost GPU can cost. */
  get isDue(): boolean {
    return performance.now() - this.#savedAt >= this.#interval;
  }

  /** Counts a step that is not saved yet. */
  countStep(): void {
    this.#unsavedSteps++;
  }

  /** Saves the run. @param options.salvage Whether to try reading it from a GPU that has failed. */
  async save({ salvage = false } = {}): Promise<void> {
    const state = await this.#update.wholeState();
    try {
      await this.#team.first(async () => {
        const run = await runOnHost(this.#run, { salvage, state: state! });
        try {
          await this.#write(run);
        } finally {
          if (run !== this.#run) disposeRun(run);
        }
      });
    } finally {
      state?.release();
    }
    this.#savedAt = performance.now();
    this.#unsavedSteps = 0;
    this.#hasCheckpoint = true;
  }

  /** Saves what it can when training fails. @returns The error to throw, whose message adds what became of the run. */
  async rescue(error: unknown): Promise<unknown> {
    const steps = this.#unsavedSteps;
    // The other processes only know the message of an error, so the first one decides.
    if (await this.#team.first(() => error instanceof TrainingError || (steps === 0 && !this.#hasCheckpoint)))
      return error;
    const saved = steps === 0 ? Promise.resolve() : this.save({ salvage: true });
    const outcome = await saved.then(
      () => `The run was saved after its last step. Resume it with --resume ${this.#resumeFrom}`,
      (failure: unknown) => {
        const since = this.#hasCheckpoint ? 'the last checkpoint' : 'the start';
        const lost = `Lost ${steps === 1 ? '1 step' : `${steps} steps`} since ${since}`;
        const why = messageOf(failure);
        return why === messageOf(error) ? lost : `${why}. ${lost}`;
      },
    );
    return new TrainingError(`${messageOf(error).replace(/\.$/, '')}. ${outcome}`, { cause: error });
  }

  /** Writes the checkpoint first, so that no other file describes more than can be resumed. */
  async #write(run: TrainingRun): Promise<void> {
    for (const [name, { values }] of savedTensors(run)) {
      if (!values.every(Number.isFinite)) throw diverged(`${name} contains NaN or infinite values`, run.training);
    }
    // The folder may have been deleted in the meantime.
    await makeFolders(this.#out).catch(() => {});
    await saveFile(join(this.#out, checkpointFile), encodeCheckpoint(run), this.#files);
    if (isBestSoFar(run)) await this.#keepBest();
    await this.#saveMetrics(run);
  }

  /** Links the checkpoint under a second name, which the next checkpoint does not overwrite. */
  #keepBest(): Promise<void> {
    return linkFile(join(this.#out, checkpointFile), join(this.#out, bestFile), this.#files);
  }

  #savedMetrics(): Promise<string | null> {
    return readFile(join(this.#out, metricsFile), 'utf8').catch(() => null);
  }

  #saveMetrics(run: TrainingRun): Promise<void> {
    return saveFile(join(this.#out, metricsFile), metricsOf(run), this.#files);
  }
}

/** Whether the epoch that has just ended is the best one so far. */
const isBestSoFar = ({ progress, history }: TrainingRun): boolean =>
  progress.batch === 0 && history.length > 0 && bestEpoch(history)?.epoch === progress.epoch;

const metricsOf = ({ history }: TrainingRun): string =>
  history.map((metrics) => `${JSON.stringify(metrics)}\n`).join('');
