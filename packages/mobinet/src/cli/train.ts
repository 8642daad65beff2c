import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { currentBackend } from '@mobinet/tensor';
import { Command, Option } from 'commander';
import { DataError, messageOf } from '../data/errors.js';
import type { ImageDataset } from '../data/source.js';
import { checkPackable } from '../export/pack.js';
import { mobinet } from '../networks/mobinet/network.js';
import type { Network } from '../networks/network.js';
import { summary } from '../summary/summary.js';
import { checkData } from '../training/check-data.js';
import { exportOptionsOf, findCheckpoint, packedFile, readCheckpoint } from '../training/files.js';
import { type OwnFolder, ownFolder, ownNewFolder } from '../training/own-folder.js';
import { type PresetName, presets } from '../training/presets.js';
import type { ImageLocation, TrainingRun } from '../training/run.js';
import { bestFile, checkpointFile, copyBestCheckpoint, metricsFile } from '../training/run-folder.js';
import { train } from '../training/train.js';
import {
  addDataFlags,
  addLoadingFlags,
  addNetworkFlags,
  addTrainingFlags,
  type DataFlags,
  jsonFlag,
  type LoadingFlags,
  loadingOf,
  locationOf,
  openData,
  recordOf,
} from './flags.js';
import { addKernelFlags } from './kernel-flags.js';
import { formatSummary, say } from './output.js';
import { interruptible } from './program.js';
import { tellResult } from './result-of-run.js';
import { type RunFlags, resumeRun, startRun, tellChanges } from './run-settings.js';
import { TrainingProgress } from './training-progress.js';

type TrainFlags = RunFlags &
  DataFlags &
  LoadingFlags & { readonly resume?: string; readonly out?: string; readonly json?: boolean };

export interface TrainDefaults {
  /** Images to train on where neither --data nor --idx names any. */
  readonly data?: string;
  /** The preset for them. With --data it is `imagenet`, with --idx `small`. */
  readonly preset?: PresetName;
  /** The kind of network to train (`networkOf`). Default: MoBiNet. */
  readonly network?: Network;
}

/** The command that trains a network, saves it packed, loads it again, and checks that both agree. */
export function trainCommand(name: string, defaults: TrainDefaults = {}): Command {
  const command = new Command(name).description(
    'train a network, save it with 1-bit weights, and check what was saved',
  );
  addDataFlags(command, {
    data: 'images as train/<class>/* and val/<class>/*, or as <class>/* alone',
    valShare: 'of images as <class>/* alone, draw this share of each class for validation (default: 0.2)',
  });
  command.addOption(
    new Option('--preset <name>', 'settings to start from (default: imagenet with --data, else small)').choices(
      Object.keys(presets),
    ),
  );
  addNetworkFlags(command, defaults.network ?? mobinet);
  addTrainingFlags(command);
  addKernelFlags(addLoadingFlags(command))
    .option('--out <folder>', 'where the run is kept (default: runs/<time>)')
    .option('--resume <run>', 'continue a run from its folder or checkpoint, with its settings')
    .option(...jsonFlag)
    .addHelpText(
      'after',
      ({ command }) => `
A run's folder holds ${checkpointFile}, ${metricsFile} and, at the end, ${packedFile}.
${bestFile} is the checkpoint of the epoch with the best top-1. The network of the last epoch is packed; with --patience that of the best.
It is saved after each epoch, every ten minutes, and when something goes wrong. Ctrl-C stops after the step and saves; continue with --resume.
A run that goes on keeps its settings; --epochs, --patience and --micro-batches may be others. With other --epochs the learning rate
follows, from there on, the schedule of so many epochs.

Examples:
  ${callOf(command)} --data photos --preset imagenet --k 4 --out runs/photos
  ${callOf(command)} --idx /usr/share/datasets/fashion-mnist --width 0.5 --epochs 8
  ${callOf(command)} --resume runs/photos`,
    );
  return command.action((flags: TrainFlags) => runTraining(flags, defaults));
}

/** How a command is called: with the name of the program that it belongs to, if there is one. */
const callOf = (command: Command): string => [command.parent?.name(), command.name()].filter(Boolean).join(' ');

async function runTraining(flags: TrainFlags, defaults: TrainDefaults): Promise<void> {
  const { signal, release } = interruptible('stopping after this step …');
  try {
    const folder = await folderOf(flags);
    await trainIn(folder, flags, { ...defaults, signal }).finally(() => folder.close());
  } finally {
    release();
  }
}

/** Takes the folder that the run will be kept in, before anything is read: it may be that of another run, or none to write to. */
async function folderOf({ resume, out }: TrainFlags): Promise<OwnFolder> {
  if (resume === undefined) return out === undefined ? ownNewFolder('runs') : ownFolder(out);
  const checkpoint = await findCheckpoint(resume);
  if (!existsSync(checkpoint)) throw new DataError(`there is no checkpoint at ${checkpoint}`);
  const path = out ?? dirname(checkpoint);
  const resumed = resolve(checkpoint) === resolve(path, checkpointFile);
  if (!resumed) {
    // A file that is no checkpoint is said to be none, before it is said what else is in the folder.
    const { model, optimizer } = await readCheckpoint(checkpoint);
    model.dispose();
    optimizer.dispose();
  }
  return ownFolder(path, { resumed });
}

async function trainIn(
  folder: OwnFolder,
  flags: TrainFlags,
  { signal, network = mobinet, ...defaults }: TrainDefaults & { signal: AbortSignal },
): Promise<void> {
  const out = folder.path;
  const resumed = flags.resume ? await resumeRun(flags.resume, flags, network) : null;
  const named = locationOf(flags);
  const known: ImageLocation = resumed?.run.source ?? { data: defaults.data };
  const { limit = known.limit, valShare = known.valShare } = flags;
  const source = named
    ? { ...(named.data && { valShare, splitSeed: known.splitSeed }), ...named }
    : { ...known, limit, valShare };
  const dataset = resumed && !named ? openKnown(source, flags) : openData(source, flags);
  const preset = flags.preset ?? (named ? (named.idx ? 'small' : 'imagenet') : defaults.preset) ?? 'imagenet';
  const run = resumed?.run ?? startRun({ network, preset, flags, dataset, source: recordOf(source, dataset) });
  checkData(run, dataset);
  // Better now than after the last epoch.
  checkPackable(run.model, exportOptionsOf(run));

  if (resumed) tellChanges(resumed);
  if (!flags.json) say(...formatSummary(summary(run.model, exportOptionsOf(run))).split('\n'));
  if (dataset.split) {
    const { valShare, splitSeed } = dataset.split;
    say(
      `${source.data} has no train/ and val/: of each class, ${100 * valShare} % of the images are drawn for validation ` +
        `(--val-share ${valShare} --seed ${splitSeed})`,
    );
  }
  say(`training on ${dataset.train.length} images, validating on ${dataset.val.length}; the run is kept in ${out}`);
  if (flags.resume) await copyBestCheckpoint(dirname(await findCheckpoint(flags.resume)), out);
  const progress = new TrainingProgress({ advice: howToBeFaster(run) });
  const { finished, skippedImages } = await train(run, dataset, {
    out: folder,
    signal,
    ...progress,
    ...loadingOf(flags),
  }).finally(() => progress.stop());
  if (skippedImages > 0) say(`${skippedImages} images could not be decoded and were skipped`);
  if (!finished) {
    say(run.optimizer.step > 0 ? `stopped and saved. Continue with --resume ${out}` : 'stopped before the first step');
    throw signal.reason;
  }

  await tellResult(run, { out, dataset, loading: flags, json: flags.json, skippedImages, signal });
}

/** The images that a run was made with. They may have been moved since. */
function openKnown(source: ImageLocation, flags: TrainFlags): ImageDataset {
  try {
    return openData(source, flags);
  } catch (error) {
    const isIdx = source.idx !== undefined;
    throw new DataError(
      `${messageOf(error).replace(/\.$/, '')}. The run was made with images at ${source.idx ?? source.data}: ` +
        `if they are elsewhere now, say where: ${isIdx ? '--idx' : '--data'} FOLDER`,
      { cause: error },
    );
  }
}

/** What a run that takes weeks had better be. */
function howToBeFaster({ options }: TrainingRun): string {
  const { imageSize, width } = options as { imageSize: number; width?: unknown };
  const gpu = currentBackend() === 'cpu' ? 'A GPU (docs/gpu.md), ' : '';
  const size = 32 * Math.max(1, Math.round(imageSize / 64));
  const smaller = typeof width === 'number' ? ` (--width ${width / 2})` : '';
  const rest = `fewer pixels (--size ${size}) or a smaller network${smaller} would be wiser`;
  return `${gpu}${gpu ? rest : rest[0].toUpperCase() + rest.slice(1)}`;
}
