import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { DataError, messageOf } from '../data/errors.js';
import { encodeCheckpoint, modelTensors, runOnHost, type TrainingRun } from './run.js';
import { diverged, TrainingError } from './training-error.js';

/** The files of a run, in its folder. */
export const checkpointFile = 'checkpoint.safetensors';
export const metricsFile = 'metrics.jsonl';

/** Throws if `out` holds a run already: starting another would overwrite its checkpoint. */
export async function refuseToOverwrite(out: string): Promise<void> {
  const file = join(out, checkpointFile);
  const exists = await stat(file).then(
    () => true,
    () => false,
  );
  if (exists) throw new DataError(`${file} exists. Continue it with --resume ${out}, or choose another --out`);
}

/** Where a run is kept, and how much of it is kept already. */
export class RunFolder {
  readonly #run: TrainingRun;
  readonly #out: string;
  readonly #interval: number;
  #savedAt = performance.now();
  #unsavedSteps = 0;
  #hasCheckpoint: boolean;

  private constructor(run: TrainingRun, out: string, minutes: number) {
    this.#run = run;
    this.#out = out;
    this.#interval = 60_000 * minutes;
    // A run that has steps already was taken up from a checkpoint.
    this.#hasCheckpoint = run.optimizer.step > 0;
  }

  /** Makes the folder where it is missing. @param minutes How long after a checkpoint the next one is due. */
  static async open(run: TrainingRun, out: string, minutes: number): Promise<RunFolder> {
    await mkdir(out, { recursive: true });
    return new RunFolder(run, out, minutes);
  }

  /** Counts a step, and saves if the last checkpoint is too old: a crash, or a GPU that is lost, costs no more. */
  async afterStep(): Promise<void> {
    this.#unsavedSteps++;
    if (performance.now() - this.#savedAt >= this.#interval) await this.save();
  }

  /** @param salvage From a GPU that has failed, too, if its memory is still there. */
  async save({ salvage = false } = {}): Promise<void> {
    const run = await runOnHost(this.#run, { salvage });
    try {
      await write(run, this.#out);
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
      () => `What was done since ${this.#hasCheckpoint ? 'the last checkpoint' : 'the start'} is lost: ${steps} steps`,
    );
    return new TrainingError(`${messageOf(error).replace(/\.$/, '')}. ${fate}`, { cause: error });
  }
}

/** Both files are written whole, then renamed into place: a crash leaves the ones before. */
async function write(run: TrainingRun, out: string): Promise<void> {
  for (const [name, { values }] of modelTensors(run.model)) {
    if (!values.every(Number.isFinite)) throw diverged(`${name} holds numbers that are not finite`, run.training);
  }
  await writeFileAtomic(join(out, metricsFile), run.history.map((metrics) => `${JSON.stringify(metrics)}\n`).join(''));
  await writeFileAtomic(join(out, checkpointFile), Buffer.from(encodeCheckpoint(run)));
}
