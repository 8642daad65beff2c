import type { Command } from 'commander';
import { type Distillation, distillationDefaults, distillationRanges } from '../training/distillation.js';
import { trainingRanges } from '../training/options.js';
import type { TrainingRun } from '../training/run.js';
import { definedOnly } from './defined-only.js';
import { numberIn } from './number-flags.js';

/** The flags that say which teacher a network learns from, and how. */
export interface TeacherFlags {
  /** A file or a run folder, or `auto`. */
  teacher?: string;
  teacherEpochs?: number;
  distillWeight?: number;
  temperature?: number;
}

/** The value of --teacher for the float twin, which is trained first. */
export const autoTeacher = 'auto';

/** The subfolder of a run in which it trains its teacher. */
export const teacherFolder = 'teacher';

/** Adds the flags that say which teacher a network learns from, and how. */
export function addTeacherFlags(command: Command): Command {
  const { weight, temperature } = distillationDefaults;
  return command
    .option(
      '--teacher <model>',
      'learn from another network, too: a packed model, checkpoint or run folder, or auto to train the float twin first',
    )
    .option(
      '--teacher-epochs <number>',
      'with --teacher auto: epochs of the float twin (default: a third of --epochs)',
      numberIn(trainingRanges.epochs),
    )
    .option(
      '--distill-weight <share>',
      `share of the teacher in the loss, the rest is that of the labels (default: ${weight})`,
      numberIn(distillationRanges.weight),
    )
    .option(
      '--temperature <factor>',
      `divide logits by this before they are compared with those of the teacher (default: ${temperature})`,
      numberIn(distillationRanges.temperature),
    );
}

/**
 * The settings for learning from a teacher: `base`, overridden by the given flags; undefined without a teacher.
 *
 * @throws RangeError, one line, for flags that need another one.
 */
export function distillationOf(flags: TeacherFlags, base: Distillation | undefined): Distillation | undefined {
  const { teacher, teacherEpochs, distillWeight: weight, temperature } = flags;
  if (teacher === undefined && base === undefined) {
    const given = { '--teacher-epochs': teacherEpochs, '--distill-weight': weight, '--temperature': temperature };
    const [flag] = Object.keys(definedOnly(given));
    if (flag !== undefined) throw new RangeError(`${flag} needs --teacher, the network to learn from`);
    return undefined;
  }
  if (teacherEpochs !== undefined && teacher !== undefined && teacher !== autoTeacher) {
    throw new RangeError('--teacher-epochs needs --teacher auto: any other teacher has been trained already');
  }
  return { ...distillationDefaults, ...base, ...definedOnly({ weight, temperature }) };
}

/** @throws RangeError, one line, if flags name another teacher than that of a run that is resumed. */
export function checkSameTeacher(path: string, { teacher }: TrainingRun, flags: TeacherFlags): void {
  if (flags.teacher !== undefined && teacher === undefined) {
    throw new RangeError(`${path} was started without a teacher and keeps its own settings. Leave out --teacher`);
  }
  if (flags.teacher === autoTeacher && teacher?.epochs === undefined) {
    throw new RangeError(`${path} learns from ${teacher?.file}. Leave out --teacher auto`);
  }
  if (flags.teacherEpochs !== undefined && flags.teacherEpochs !== teacher?.epochs) {
    throw new RangeError(
      teacher?.epochs === undefined
        ? `${path} did not train its teacher itself. Leave out --teacher-epochs`
        : `--resume keeps the settings of the run: its teacher is trained for ${teacher.epochs} epochs`,
    );
  }
}
