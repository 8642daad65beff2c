import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DataError, messageOf } from '../data/errors.js';
import { type FileSystem, nodeFileSystem } from '../files/file-system.js';
import { linkFile } from '../files/link-file.js';
import { makeFolders } from '../files/make-folders.js';
import { saveFile } from '../files/save-file.js';
import { modelTensors } from '../networks/tensors.js';
import { bestEpoch } from './best.js';
import { encodeCheckpoint } from './checkpoint.js';
import type { TrainingRun } from './run.js';
import { runOnHost } from './run-on-host.js';
import { diverged, TrainingError } from './training-error.js';

/** The files of a run, in its folder. */
export const checkpointFile = 'checkpoint.safetensors';
/** The checkpoint of the best epoch. */
export const bestFile = 'best.safetensors';
export const metricsFile = 'metrics.jsonl';

/** Throws if `out` holds a run already: starting another would overwrite its checkpoint. */
export async function refuseToOverwrite(out: string): Promise<void> {
  const file = join(out, checkpointFile);
  if (await exists(file))
    throw new DataError(`${file} exists. Continue it with --resume ${out}, or choose another --out`);
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Copies the best checkpoint of a run that goes on in another folder. */
export async function takeBestAlong(from: string, to: string): Promise<void> {
  if (resolve(from) === resolve(to)) return;
  const bytes = await readFile(join(from, bestFile)).catch(() => null);
  if (bytes) await saveFile(join(to, bestFile), bytes);
}

export interface RunFolderOptions {
  /** A folder that belongs to the run. */
  readonly out: string;
  /** How long after a checkpoint the next one is due. */
  readonly minutes: number;
  readonly files?: FileSystem | undefined;
}

/** Where a run is kept, and how much of it is kept already. */
export class RunFolder {
  readonly #run: TrainingRun;
  readonly #out: string;
  readonly #interval: number;
  readonly #files: FileSystem;
  #savedAt = performance.now();
  #unsavedSteps = 0;
  #hasCheckpoint: boolean;

  private constructor(run: TrainingRun, { out, minutes, files = nodeFileSystem }: RunFolderOptions) {
    this.#run = run;
    this.#out = out;
    this.#interval = 60_000 * minutes;
    this.#files = files;
    // A run that has steps already was taken up from a checkpoint.
    this.#hasCheckpoint = run.optimizer.step > 0;
  }

  static async open(run: TrainingRun, options: RunFolderOptions): Promise<RunFolder> {
    const folder = new RunFolder(run, options);
    // The checkpoint is written first: a run that was killed then lacks its best one and its last metrics.
    if (isAtItsBest(run) && (await exists(join(options.out, checkpointFile)))) await folder.#keepBest();
    if (run.history.length > 0 && (await folder.#savedMetrics()) !== metricsOf(run)) await folder.#saveMetrics(run);
    return folder;
  }

  /** Counts a step, and saves if the last checkpoint is too old: a crash, or a GPU that is lost, costs no more. */
  async afterStep(): Promise<void> {
    this.#unsavedSteps++;
    if (performance.now() - this.#savedAt >= this.#interval) await this.save();
  }

  /** @param options.salvage From a GPU that has failed, too, if its memory is still there. */
  async save({ salvage = false } = {}): Promise<void> {
    const run = await runOnHost(this.#run, { salvage });
    try {
      await this.#write(run);
    } finally {
      if (run !== this.#run) for (const copy of [run.model, run.optimizer]) copy.dispose();
    }
    this.#savedAt = performance.now();
    this.#unsavedSteps = 0;
    this.#hasCheckpoint = true;
  }

  /** Saves what can be saved when training cannot go on. @returns What to throw: the error, and what became of the run. */
  async rescue(error: unknown): Promise<unknown> {
    const steps = this.#unsavedSteps;
    if (error instanceof TrainingError || (steps === 0 && !this.#hasCheckpoint)) return error;
    const saved = steps === 0 ? Promise.resolve() : this.save({ salvage: true });
    const fate = await saved.then(
      () => `The run is saved with its last step: continue with --resume ${this.#out}`,
      (failure: unknown) => {
        const lost = `What was done since ${this.#hasCheckpoint ? 'the last checkpoint' : 'the start'} is lost: ${steps} steps`;
        const why = messageOf(failure);
        return why === messageOf(error) ? lost : `${why}. ${lost}`;
      },
    );
    return new TrainingError(`${messageOf(error).replace(/\.$/, '')}. ${fate}`, { cause: error });
  }

  /** All else follows from the checkpoint, so it comes first: whatever happens, no file tells of more than can be taken up. */
  async #write(run: TrainingRun): Promise<void> {
    for (const [name, { values }] of [...modelTensors(run.model), ...run.optimizer.state.tensors]) {
      if (!values.every(Number.isFinite)) throw diverged(`${name} holds numbers that are not finite`, run.training);
    }
    // Somebody may have tidied up: a run is worth more than that.
    await makeFolders(this.#out).catch(() => {});
    await saveFile(join(this.#out, checkpointFile), encodeCheckpoint(run), this.#files);
    if (isAtItsBest(run)) await this.#keepBest();
    await this.#saveMetrics(run);
  }

  /** The checkpoint gets a second name, which the next one does not take over. */
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
const isAtItsBest = ({ progress, history }: TrainingRun): boolean =>
  progress.batch === 0 && history.length > 0 && bestEpoch(history)?.epoch === progress.epoch;

const metricsOf = ({ history }: TrainingRun): string =>
  history.map((metrics) => `${JSON.stringify(metrics)}\n`).join('');
