import { resolve } from 'node:path';
import { checkArgument, kinds } from '../data/arguments.js';
import { classDifference } from '../data/class-names.js';
import { DataError } from '../data/errors.js';
import { hashOf } from '../data/fingerprint.js';
import { type PackedModel, unpackModel } from '../export/packed-model.js';
import { readPackedBytes } from './files.js';
import type { TrainingRun } from './run.js';

/** A trained network that a run learns from. */
export interface Teacher {
  /** Packed, since it only predicts. */
  readonly model: PackedModel;
  /** The path that it was read from. */
  readonly file: string;
  /** A hash of the packed network, so that a checkpoint and its packed file are the same teacher. */
  readonly hash: string;
}

/**
 * Reads a teacher from a packed model, a checkpoint or a run folder. Any kind of network can be one. The caller must
 * dispose its model.
 *
 * @throws FormatError, one line, if the file is not an intact packed model or checkpoint; DataError if it cannot be
 *   read.
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { createMoBiNet, packModel, readTeacher, saveFile } from 'mobinet';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * const file = join(folder, 'twin.mobinet.safetensors');
 * const twin = createMoBiNet({ width: 0.25, imageSize: 32, classes: 2, precision: 'float' });
 * await saveFile(file, packModel(twin));
 * const teacher = await readTeacher(file); // for train(run, dataset, { out, teacher })
 * console.log(`${teacher.model.classCount} classes, a hash of ${teacher.hash.length} digits`);
 * // → 2 classes, a hash of 16 digits
 * teacher.model.dispose();
 * await rm(folder, { recursive: true });
 * ```
 */
export async function readTeacher(path: string): Promise<Teacher> {
  checkArgument('readTeacher: the path', path, kinds.path);
  return unpackTeacher(await readPackedBytes(path));
}

/** The teacher in the bytes of a packed model. */
export function unpackTeacher({ bytes, file }: { readonly bytes: Uint8Array; readonly file: string }): Teacher {
  return { model: unpackModel(bytes, file), file: resolve(file), hash: hashOf([bytes]) };
}

/**
 * Checks that a run can learn from a teacher: it must be the one of its last checkpoint, if any, and its logits for the
 * images of the run must mean the same.
 *
 * @param teacher Must be given if and only if the run has settings for `distillation`.
 * @throws DataError, one line that says what does not fit.
 */
export function checkTeacher(
  run: Pick<TrainingRun, 'training' | 'options' | 'classes' | 'teacher'>,
  teacher: Teacher | undefined,
): void {
  const { training, options } = run;
  if (!teacher) {
    if (!training.distillation) return;
    throw new DataError('the run learns from a teacher, but was given none. Read it with readTeacher and pass it on');
  }
  const { file, hash, model } = teacher;
  if (!training.distillation) {
    throw new DataError(`the run was given the teacher ${file}, but its training options have no distillation`);
  }
  if (run.teacher?.hash !== undefined && run.teacher.hash !== hash) {
    throw new DataError(
      `${file} is not the network that the run has learned from so far. Restore it, or start a new run with another --out`,
    );
  }
  const fail = (problem: string): never => {
    throw new DataError(`the teacher ${file} does not fit the run: ${problem}`);
  };
  const { info, classCount, imageShape, preprocessing } = model;
  if (classCount !== options.classes) fail(`it has ${classCount} classes, but the images have ${options.classes}`);
  const difference = info.classes && classDifference(info.classes, run.classes);
  if (difference) fail(`its classes are not those of the images: ${difference}`);
  const size = options.imageSize;
  if (imageShape.join() !== [size, size, 3].join()) {
    fail(
      `its images have shape [${imageShape}], but those of the run [${size},${size},3]. Train it with --size ${size}`,
    );
  }
  if (JSON.stringify(preprocessing.normalization) !== JSON.stringify(training.normalization)) {
    fail('it was trained with another mean and standard deviation of colors');
  }
}
