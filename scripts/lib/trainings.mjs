import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { checkpointFile, decodeCheckpoint, metricsFile, saveFile, summary } from 'mobinet';
import { debianFolder } from './data.mjs';
import { root, stop } from './flags.mjs';

const mobinet = join(root, 'packages/mobinet/bin/mobinet.js');

/** The command line of a training, as a reader would type it. */
export const commandOf = (flags) => ['npx mobinet train --idx', debianFolder, ...flags].join(' ');

/**
 * Trains one network after the other, and yields after each all that are trained so far. Those that were trained before are
 * read from their folders under `runs`, those that were begun go on.
 * @param jobs The name of each, which is its folder, and its flags.
 * @yields Of each: its name and flags, `result` (what the training printed), `history` (its epochs), `network` (its
 *     summary) and `machine` (where it was trained).
 */
export async function* trainAll(jobs, { idx, runs }) {
  const trainings = [];
  for (const [index, { name, flags }] of jobs.entries()) {
    const folder = join(runs, name);
    const { machine } = await begin(folder, flags);
    const resultFile = join(folder, 'result.json');
    if (!existsSync(resultFile)) {
      console.error(`\n${name}, ${index + 1} of ${jobs.length}`);
      await saveFile(resultFile, await train(folder, ['--idx', idx, ...flags]));
    }
    const result = JSON.parse(await readFile(resultFile, 'utf8'));
    console.error(`${name}: top-1 ${result.top1.toFixed(2)} %`);
    trainings.push({ name, flags, machine, result, ...(await readRun(folder)) });
    yield trainings;
  }
}

/** Notes with which flags a training is begun, and refuses to take one of other flags for it. */
async function begin(folder, flags) {
  const file = join(folder, 'command.json');
  if (!existsSync(file)) {
    const machine = `${availableParallelism()} threads of ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`;
    await mkdir(folder, { recursive: true });
    await saveFile(file, JSON.stringify({ flags, machine }));
  }
  const begun = JSON.parse(await readFile(file, 'utf8'));
  if (begun.flags.join(' ') !== flags.join(' ')) {
    stop(`${folder} was begun with other flags: ${begun.flags.join(' ')}. Remove it, or choose another --runs`);
  }
  return begun;
}

/** Trains in a process of its own, from the checkpoint if there is one. Returns the JSON that it printed. */
async function train(folder, flags) {
  const where = [existsSync(join(folder, checkpointFile)) ? '--resume' : '--out', folder];
  const child = spawn(process.execPath, [mobinet, 'train', ...flags, ...where, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // A terminal sends Ctrl-C to both. The training saves and ends, and until then we wait; other signals may reach us alone.
  const wait = () => {};
  const pass = (signal) => child.kill(signal);
  process.on('SIGINT', wait).on('SIGHUP', pass).on('SIGTERM', pass);
  const [json, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  process.off('SIGINT', wait).off('SIGHUP', pass).off('SIGTERM', pass);
  // It has saved, at a Ctrl-C, at a request to terminate, or because its terminal was closed.
  if ([129, 130, 143].includes(code)) stop('The same command goes on from here.', code);
  if (code !== 0) stop(`the training in ${folder} failed`, code ?? 1);
  return json;
}

async function readRun(folder) {
  const lines = (await readFile(join(folder, metricsFile), 'utf8')).trimEnd().split('\n');
  const { model, optimizer } = decodeCheckpoint(await readFile(join(folder, checkpointFile)));
  const network = summary(model);
  model.dispose();
  optimizer.dispose();
  return { history: lines.map((line) => JSON.parse(line)), network };
}
