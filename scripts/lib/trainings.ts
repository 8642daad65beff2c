import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import {
  checkpointFile,
  decodeCheckpoint,
  type EpochMetrics,
  metricsFile,
  type NetworkSummary,
  saveFile,
  summary,
} from 'mobinet';
import { root, stop } from './flags.js';

const mobinet = join(root, 'packages/mobinet/bin/mobinet.js');

/** A training to do. */
interface Job {
  /** The name of its run folder. */
  readonly name: string;
  /** Flags of `mobinet train`. */
  readonly flags: readonly string[];
}

/** A finished training. */
export interface Training extends Job {
  /** The machine on which it was started. */
  readonly machine: string;
  readonly result: TrainingResult;
  readonly history: readonly EpochMetrics[];
  readonly network: NetworkSummary;
}

/** The fields of `mobinet train --json` that the documents quote. */
interface TrainingResult {
  readonly top1: number;
  /** null for five classes or fewer. */
  readonly top5: number | null;
  readonly trainLoss: number;
  readonly bytes: number;
}

/** What `command.json` in a run folder records. */
interface StartedRun {
  readonly flags: readonly string[];
  readonly machine: string;
}

/** Where the images are, as flags of `mobinet train`, and the folder of run folders. */
interface Workplace {
  readonly images: readonly string[];
  readonly runs: string;
}

/** The command line of a training, as a reader would type it. */
export const commandOf = (...flags: readonly string[]): string => ['npx mobinet train', ...flags].join(' ');

/**
 * Trains the networks one after the other, and yields all finished trainings after each. Trainings that finished in an
 * earlier run of the script are read from their folders; interrupted ones resume.
 */
export async function* trainAll(
  jobs: readonly Job[],
  { images, runs }: Workplace,
): AsyncGenerator<readonly Training[]> {
  const trainings: Training[] = [];
  for (const [index, { name, flags }] of jobs.entries()) {
    const folder = join(runs, name);
    const { machine } = await start(folder, flags);
    const resultFile = join(folder, 'result.json');
    if (!existsSync(resultFile)) {
      console.error(`\n${name}, ${index + 1} of ${jobs.length}`);
      await saveFile(resultFile, await train(folder, [...images, ...flags]));
    }
    const result: TrainingResult = JSON.parse(await readFile(resultFile, 'utf8'));
    console.error(`${name}: top-1 ${result.top1.toFixed(2)} %`);
    trainings.push({ name, flags, machine, result, ...(await readRun(folder)) });
    yield trainings;
  }
}

/** Records the flags of a new training. Refuses a folder whose training was started with other flags. */
async function start(folder: string, flags: readonly string[]): Promise<StartedRun> {
  const file = join(folder, 'command.json');
  if (!existsSync(file)) {
    const machine = `${availableParallelism()} threads of ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`;
    await mkdir(folder, { recursive: true });
    await saveFile(file, JSON.stringify({ flags, machine } satisfies StartedRun));
  }
  const started: StartedRun = JSON.parse(await readFile(file, 'utf8'));
  if (started.flags.join(' ') !== flags.join(' ')) {
    stop(`${folder} was started with other flags: ${started.flags.join(' ')}. Remove it, or pass another --runs`);
  }
  return started;
}

/** Trains in a child process, from the checkpoint if there is one. Returns the JSON that it prints. */
async function train(folder: string, flags: readonly string[]): Promise<string> {
  const where = [existsSync(join(folder, checkpointFile)) ? '--resume' : '--out', folder];
  const child = spawn(process.execPath, [mobinet, 'train', ...flags, ...where, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // A terminal sends Ctrl-C to both processes: the child saves and exits, and this one waits for it. Other signals may
  // reach this process only, so they are forwarded.
  const wait = (): void => {};
  const forward = (signal: NodeJS.Signals): boolean => child.kill(signal);
  process.on('SIGINT', wait).on('SIGHUP', forward).on('SIGTERM', forward);
  const [json, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  process.off('SIGINT', wait).off('SIGHUP', forward).off('SIGTERM', forward);
  // After SIGHUP, SIGINT or SIGTERM the training has saved a checkpoint.
  if ([129, 130, 143].includes(code)) stop('The same command resumes the training.', code);
  if (code !== 0) stop(`the training in ${folder} failed`, code ?? 1);
  return json;
}

async function readRun(folder: string): Promise<Pick<Training, 'history' | 'network'>> {
  const lines = (await readFile(join(folder, metricsFile), 'utf8')).trimEnd().split('\n');
  const { model, optimizer } = decodeCheckpoint(await readFile(join(folder, checkpointFile)));
  const network = summary(model);
  model.dispose();
  optimizer.dispose();
  return { history: lines.map((line): EpochMetrics => JSON.parse(line)), network };
}
