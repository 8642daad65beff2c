import type { Team } from '../distributed/team.js';
import { decodeCheckpoint, encodeCheckpoint } from '../training/checkpoint.js';
import { readPackedBytes } from '../training/files.js';
import { disposeRun, type TrainingRun } from '../training/run.js';
import { runOnHost } from '../training/run-on-host.js';
import { type Teacher, unpackTeacher } from '../training/teacher.js';

/**
 * Hands the run of the first process to all, as a checkpoint: only the first one reads files of a run, so that a run
 * folder need not be on a file system that all machines share.
 *
 * @param run Only the first process has it.
 */
export async function shareRun(team: Team, run: TrainingRun | null): Promise<TrainingRun> {
  if (team.size === 1) return run!;
  const bytes = await team.first(async () => {
    const onHost = await runOnHost(run!);
    const bytes = encodeCheckpoint(onHost);
    if (onHost !== run) disposeRun(onHost);
    return bytes;
  });
  return run ?? team.together(() => decodeCheckpoint(bytes, 'the run of rank 0'));
}

/** Hands the teacher of the first process to all. @param teacher Null if there is none, and on other processes. */
export async function shareTeacher(team: Team, teacher: Teacher | null): Promise<Teacher | null> {
  if (team.size === 1) return teacher;
  const packed = await team.first(async () => teacher && (await readPackedBytes(teacher.file)));
  return teacher ?? (packed && team.together(() => unpackTeacher(packed)));
}
