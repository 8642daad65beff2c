import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { currentBackend, useBackend } from '@mobinet/tensor/functions';
import { DataError, messageOf } from '../data/errors.js';
import { checkPackable } from '../export/pack.js';
import { floatTwinOf } from '../networks/float-twin.js';
import { exportOptionsOf, findCheckpoint, packedFile, readCheckpoint } from '../training/files.js';
import { type OwnFolder, ownFolder } from '../training/own-folder.js';
import { disposeRun, newRun, type TrainingRun } from '../training/run.js';
import { checkpointFile, RunFolder } from '../training/run-folder.js';
import { readTeacher, type Teacher } from '../training/teacher.js';
import { definedOnly } from './defined-only.js';
import { say } from './output.js';
import type { Ranks } from './ranks.js';
import { packResult } from './result-of-run.js';
import { chooseMicroBatches, type RunFlags } from './run-settings.js';
import { shareRun, shareTeacher } from './share-run.js';
import { autoTeacher, type TeacherFlags, teacherFolder } from './teacher-flags.js';
import { outlineOf, type TrainingWork, trainToEnd } from './train-run.js';

/**
 * Reads the teacher that the flags name, or that a resumed run records; null if there is none, or if it is the float
 * twin and not trained yet. The record of a resumed run is changed if its teacher has moved.
 *
 * @param resumed The run and the path that it was resumed from.
 */
export async function openTeacher(
  { teacher: named }: TeacherFlags,
  resumed: { readonly run: TrainingRun; readonly path: string; readonly out: string } | null,
): Promise<Teacher | null> {
  const given = named === autoTeacher ? undefined : named;
  const known = resumed?.run.teacher;
  if (!resumed || !known) return given === undefined ? null : readTeacher(given);
  const from = dirname(resolve(await findCheckpoint(resumed.path)));
  const isMoved = from !== resolve(resumed.out);
  if (known.epochs !== undefined && known.hash === undefined) {
    if (given === undefined && !isMoved) return null;
    const not = isMoved ? '--out' : '--teacher';
    throw new RangeError(`${resumed.path} has not trained its teacher yet. Leave out ${not} until it has`);
  }
  const path = given ?? resolve(from, known.file);
  const teacher = await readTeacher(path).catch((error: unknown) => {
    if (given !== undefined) throw error;
    const remedy = `The run learns from ${path}. If that has moved, give its new place with --teacher FILE`;
    throw new DataError(`${messageOf(error)}. ${remedy}`, { cause: error });
  });
  if (given !== undefined || isMoved) resumed.run.teacher = { ...known, file: teacher.file };
  return teacher;
}

/**
 * Trains the float twin of a new or resumed run, its teacher, and packs it. The run is saved before the teacher takes
 * its first step, so that it can be resumed from there on.
 *
 * @throws The signal's reason when it aborts, after saying how to resume.
 */
export async function trainTwin(student: TrainingRun, work: TrainingWork, flags: RunFlags): Promise<Teacher> {
  const { path: out } = work.folder;
  const { team } = work.ranks;
  const path = join(out, teacherFolder);
  const backend = currentBackend();
  let folder: OwnFolder | null = null;
  let twin: TrainingRun | null = null;
  try {
    await team.first(async () => {
      const isResumed = existsSync(join(out, checkpointFile));
      const isBegun = isResumed && existsSync(join(path, checkpointFile));
      folder = await ownFolder(path, { resumed: isBegun });
      if (!isResumed) await (await RunFolder.open(student, { out, minutes: 0 })).save();
      say(`training the teacher first, the float twin; saving it to ${path}`);
      twin = isBegun ? await readTwin(path, flags) : startTwin(student, flags, work.ranks);
      checkPackable(outlineOf(twin), exportOptionsOf(twin));
    });
    const run = await shareRun(team, twin);
    const trained = await trainToEnd(run, work, { out: folder ?? { path } });
    await team.first(async () => {
      const { metrics } = await packResult(run, { ...work, out: path, ...trained });
      say(`the teacher has a top-1 of ${metrics.top1.toFixed(2)} %`);
    });
    disposeRun(run);
  } finally {
    await (folder as OwnFolder | null)?.close();
  }
  await useBackend(backend);
  let teacher: Teacher | null = null;
  await team.first(async () => {
    teacher = await readTeacher(join(path, packedFile));
  });
  return (await shareTeacher(team, teacher))!;
}

/** The twin is trained like the student, with the same options, for another number of epochs. */
function startTwin(run: TrainingRun, flags: RunFlags, ranks: Ranks): TrainingRun {
  const { network, options, training, teacher, ...student } = run;
  const { classes, trainImages, preset, source, fingerprint } = student;
  const twin = floatTwinOf(network, options);
  const epochs = teacher?.epochs ?? training.epochs;
  const warmupEpochs = Math.floor((training.warmupEpochs * epochs) / training.epochs);
  const settings = { ...training, epochs, warmupEpochs, distillation: undefined };
  const plan = { network, options: twin, training: settings };
  const microBatches = flags.microBatches ?? chooseMicroBatches(plan, ranks);
  const data = { network, classes, trainImages, preset, source, fingerprint };
  return newRun({ ...twin }, { ...settings, microBatches }, data);
}

async function readTwin(path: string, { microBatches }: RunFlags): Promise<TrainingRun> {
  const run = await readCheckpoint(path);
  return { ...run, training: { ...run.training, ...definedOnly({ microBatches }) } };
}
