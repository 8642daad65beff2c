import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pinned, torchEnvironment } from './torch.js';

// Contenders that are timed in a process of their own.

/** A program and its arguments. */
export type Command = readonly string[];

export function nodeCommand(threads: number, script: string, args: readonly string[]): Command {
  return [...pinned(threads), process.execPath, fileURLToPath(new URL(script, import.meta.url)), ...args];
}

/** What a contender printed, and what its process took. */
export interface Outcome {
  readonly milliseconds: number;
  readonly mebibytes: number;
  /** From the start of its process to its first result, if it told when that was. */
  readonly firstMilliseconds: number;
}

const clock = '/usr/bin/time';

/** Runs a command that prints JSON. GNU time, where it is installed, tells its peak memory; else the command itself. */
export async function run(command: Command, threads: number): Promise<Outcome> {
  const hasClock = existsSync(clock);
  const [program, ...args] = hasClock ? [clock, '-v', ...command] : command;
  const start = Date.now();
  const { stdout, stderr } = await promisify(execFile)(program, args, { env: torchEnvironment(threads) });
  const { milliseconds, peakMemoryBytes, firstAt = Number.NaN } = JSON.parse(stdout);
  const kibibytes = /Maximum resident set size \(kbytes\): (\d+)/.exec(stderr)?.[1];
  return {
    milliseconds,
    mebibytes: kibibytes ? Number(kibibytes) / 1024 : peakMemoryBytes / 2 ** 20,
    firstMilliseconds: firstAt - start,
  };
}
