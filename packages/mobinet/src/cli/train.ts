import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { threadCount } from '@mobinet/tensor/functions';
import { Command, Option } from 'commander';
import { DataError, messageOf } from '../data/errors.js';
import type { ImageDataset } from '../data/source.js';
import { checkPackable } from '../export/pack.js';
import { mobinet } from '../networks/mobinet/network.js';
import type { Network } from '../networks/network.js';
import { eventFile } from '../report/event-log.js';
import { summary } from '../summary/summary.js';
import { checkRanks } from '../training/agreement.js';
import { checkData } from '../training/check-data.js';
import { exportOptionsOf, findCheckpoint, packedFile, readCheckpoint } from '../training/files.js';
import { type OwnFolder, ownFolder, ownNewFolder } from '../training/own-folder.js';
import { type PresetName, presets } from '../training/presets.js';
import { disposeRun, type ImageLocation, type TrainingRun } from '../training/run.js';
import { bestFile, checkpointFile, copyBestCheckpoint, metricsFile, reportFile } from '../training/run-folder.js';
import { checkTeacher, type Teacher } from '../training/teacher.js';
import {
  addDataFlags,
  addLoadingFlags,
  addNetworkFlags,
  addTrainingFlags,
  type DataFlags,
  jsonFlag,
  type LoadingFlags,
  locationOf,
  openData,
  recordOf,
} from './flags.js';
import { addKernelFlags } from './kernel-flags.js';
import { LivePage } from './live-page.js';
import { wholeNumber } from './number-flags.js';
import { say } from './output.js';
import { interruptible } from './program.js';
import { closeRanks, openRanks, type Ranks } from './ranks.js';
import { reportResult } from './result-of-run.js';
import { type RunFlags, reportChanges, resumeRun, startRun } from './run-settings.js';
import { shareRun, shareTeacher } from './share-run.js';
import { formatSummary } from './table.js';
import { openTeacher, trainTwin } from './teacher.js';
import { outlineOf, trainToEnd } from './train-run.js';

type TrainFlags = RunFlags &
  DataFlags &
  LoadingFlags & {
    readonly threads?: number;
    readonly resume?: string;
    readonly out?: string;
    readonly watch?: number;
    readonly tensorboard?: boolean;
    readonly json?: boolean;
  };

/** Defaults of the training command. */
export interface TrainDefaults {
  /** The image folder to train on if neither --data nor --idx is given. */
  readonly data?: string;
  /** The preset for that folder. With --data it is `photos` or, for 100,000 images or more, `imagenet`; with --idx `small`. */
  readonly preset?: PresetName;
  /** The kind of network to train (`networkOf`). Default: MoBiNet. */
  readonly network?: Network;
}

/**
 * The command that trains a network, saves it packed, loads it again, and verifies that both agree.
 *
 * @param name Its name, for the help text.
 * @param defaults What it does where no flags are given.
 * @example
 * ```ts
 * import { trainCommand } from 'mobinet/cli';
 *
 * // await runProgram(trainCommand('train-photos', { data: 'photos' }));
 * const command = trainCommand('train-photos', { data: 'photos' });
 * console.log(command.options.slice(0, 3).map(({ long }) => long).join(' '));
 * // → --data --idx --val-share
 * ```
 */
export function trainCommand(name: string, defaults: TrainDefaults = {}): Command {
  const command = new Command(name).description(
    'train a network, save it with 1-bit weights, and verify the saved file',
  );
  addDataFlags(command, {
    data: 'image folder with train/<class>/* and val/<class>/*, or with <class>/* only, or shards (pack-data)',
    valShare: 'with <class>/* only: hold out this share of each class for validation (default: 0.2)',
  });
  command.addOption(
    new Option(
      '--preset <name>',
      'settings to start from, which other flags override (default: with --data, photos for fewer than 100,000 images, else imagenet; with --idx, small)',
    ).choices(Object.keys(presets)),
  );
  addNetworkFlags(command, defaults.network ?? mobinet);
  addTrainingFlags(command);
  addKernelFlags(addLoadingFlags(command))
    .addOption(
      new Option(
        '--init <run>',
        'start from the weights of another run of the same architecture: its folder or a checkpoint',
      ).conflicts('resume'),
    )
    .option('--out <folder>', 'folder to keep the run in (default: runs/<time>)')
    .option('--resume <run>', 'continue a run from its folder or checkpoint, with its settings')
    .addOption(
      new Option('--watch [port]', 'serve the report live on localhost, on port 8081 or another (0: any free port)')
        .preset('8081')
        .argParser(wholeNumber(0, 65_535)),
    )
    .option('--tensorboard', `also write the measurements of each epoch to ${eventFile} in the run folder`)
    .option(...jsonFlag)
    .addHelpText(
      'after',
      ({ command }) => `
The run folder holds ${checkpointFile}, ${metricsFile}, ${bestFile} (the checkpoint of the epoch with
the best top-1), ${reportFile} (a page with curves, the signs of the weights and, at the end, what the network gets
wrong) and, at the end, ${packedFile}: the packed network of the last epoch, or with --patience
that of the best.

The run is saved after each epoch, every ten minutes, and when an error occurs. Ctrl-C stops after the current step and
saves. Continue with --resume: the run keeps its settings, except that --epochs, --patience, --micro-batches and
--exchange may change. With other --epochs, the learning rate follows the schedule for the new number of epochs from there on.

Started by mpirun or srun, several processes train together, also on several machines, with the same result
(docs/distributed.md).

Examples:
  ${callOf(command)} --data photos --epochs 50 --out runs/photos
  ${callOf(command)} --idx /usr/share/datasets/fashion-mnist --width 0.5 --epochs 8
  ${callOf(command)} --data photos --teacher auto --out runs/taught
  ${callOf(command)} --resume runs/photos`,
    );
  return command.action((flags: TrainFlags) => runTraining(flags, defaults));
}

/** How to invoke a command: its name, after that of the program it belongs to, if any. */
const callOf = (command: Command): string => [command.parent?.name(), command.name()].filter(Boolean).join(' ');

async function runTraining(flags: TrainFlags, defaults: TrainDefaults): Promise<void> {
  const { signal, release } = interruptible('stopping after this step …');
  let page: LivePage | undefined;
  let folder: OwnFolder | undefined;
  try {
    const ranks = await openRanks(flags);
    const { team } = ranks;
    let prepared: PreparedRun | null = null;
    const place = await team.first(async () => {
      page = flags.watch === undefined ? undefined : await LivePage.open(flags.watch);
      folder = await folderOf(flags);
      prepared = await prepare(folder, flags, { ...defaults, ranks });
      return { path: folder.path, source: prepared.source };
    });
    const { run, dataset, teacher: given } = await join(prepared, place.source, flags, ranks);
    const work = {
      folder: folder ?? place,
      ranks,
      dataset,
      loading: flags,
      page,
      tensorboard: flags.tensorboard,
      signal,
    };
    const teacher = given ?? (run.teacher && (await trainTwin(run, work, flags)));
    const counts = `training on ${dataset.train.length} images, validating on ${dataset.val.length}`;
    say(`${counts}${describeRanks(ranks)}; saving the run to ${place.path}`);
    await team.first(async () => {
      if (flags.resume) await copyBestCheckpoint(dirname(await findCheckpoint(flags.resume)), place.path);
    });
    if (page) say(`the report is live at ${page.url}`);
    const { skippedImages, report } = await trainToEnd(run, work, { teacher });
    closeRanks();
    if (team.leads) await reportResult(run, { ...work, out: place.path, report, json: flags.json, skippedImages });
  } finally {
    await folder?.close();
    await page?.close(signal);
    release();
  }
}

/** Locks the run folder before anything is read, since it may be in use by another run or not be writable. */
async function folderOf({ resume, out }: TrainFlags): Promise<OwnFolder> {
  if (resume === undefined) return out === undefined ? ownNewFolder('runs') : ownFolder(out);
  const checkpoint = await findCheckpoint(resume);
  if (!existsSync(checkpoint)) throw new DataError(`there is no checkpoint at ${checkpoint}`);
  const path = out ?? dirname(checkpoint);
  const resumed = resolve(checkpoint) === resolve(path, checkpointFile);
  if (!resumed) {
    // If the file is not a checkpoint, that error comes before any about the contents of the folder.
    disposeRun(await readCheckpoint(checkpoint));
  }
  return ownFolder(path, { resumed });
}

/** A run that is ready to be trained. */
interface PreparedRun {
  readonly run: TrainingRun;
  readonly dataset: ImageDataset;
  /** The teacher, unless it is still to be trained. */
  readonly teacher: Teacher | null;
  /** Where the images are. */
  readonly source: ImageLocation;
}

/** Starts or resumes the run that the flags describe: the part of the first process. */
async function prepare(
  { path: out }: OwnFolder,
  flags: TrainFlags,
  { ranks, network = mobinet, ...defaults }: TrainDefaults & { readonly ranks: Ranks },
): Promise<PreparedRun> {
  const resumed = flags.resume ? await resumeRun(flags.resume, flags, network) : null;
  const teacher = await openTeacher(flags, resumed && { run: resumed.run, path: flags.resume!, out });
  const named = locationOf(flags);
  const known: ImageLocation = resumed?.run.source ?? { data: defaults.data };
  const { limit = known.limit, valShare = known.valShare } = flags;
  const source = named
    ? { ...(named.data && { valShare, splitSeed: known.splitSeed }), ...named }
    : { ...known, limit, valShare };
  const dataset = await (resumed && !named ? openKnown(source, flags) : openData(source, flags));
  const usual = dataset.train.length < 100_000 ? 'photos' : 'imagenet';
  const preset = flags.preset ?? (named ? (named.idx ? 'small' : usual) : defaults.preset) ?? usual;
  const record = recordOf(source, dataset);
  const run = resumed?.run ?? (await startRun({ network, preset, flags, dataset, source: record, teacher, ranks }));
  checkData(run, dataset);
  checkRanks(run, ranks.team);
  if (teacher) checkTeacher(run, teacher);
  const outline = outlineOf(run);
  // Fails now rather than after the last epoch.
  checkPackable(outline, exportOptionsOf(run));

  if (resumed) reportChanges(resumed);
  if (!flags.json) say(...formatSummary(summary(outline, exportOptionsOf(run))).split('\n'));
  outline.dispose();
  if (dataset.split) {
    const { valShare, splitSeed } = dataset.split;
    say(
      `${source.data} has no train/ and val/, so ${100 * valShare} % of the images of each class are held out for validation ` +
        `(--val-share ${valShare} --seed ${splitSeed})`,
    );
  }
  return { run, dataset, teacher, source };
}

/** The run of the first process on all of them, with the images of each. */
async function join(
  prepared: PreparedRun | null,
  source: ImageLocation,
  flags: TrainFlags,
  { team }: Ranks,
): Promise<Omit<PreparedRun, 'source'>> {
  const run = await shareRun(team, prepared?.run ?? null);
  const teacher = await shareTeacher(team, prepared?.teacher ?? null);
  let dataset = prepared?.dataset;
  await team.all(async () => {
    dataset ??= await openData(source, flags);
  });
  return { run, teacher, dataset: dataset! };
}

/** What the user should know about several processes. */
function describeRanks({ team }: Ranks): string {
  if (team.size === 1) return '';
  const threads = threadCount();
  return ` with ${team.size} processes (${team.communicator.library}) of ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}

/** Opens the images of a resumed run, which may have been moved since. */
async function openKnown(source: ImageLocation, flags: TrainFlags): Promise<ImageDataset> {
  try {
    return await openData(source, flags);
  } catch (error) {
    const isIdx = source.idx !== undefined;
    throw new DataError(
      `${messageOf(error)}. The run used the images at ${source.idx ?? source.data}. ` +
        `If they have moved, give their new folder with ${isIdx ? '--idx' : '--data'} FOLDER`,
      { cause: error },
    );
  }
}
