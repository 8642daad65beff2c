import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pinned, torchEnvironment } from './torch.js';

// Contenders that run in their own process.

/** A program and its arguments. */
export type Command = readonly string[];

export function nodeCommand(threads: number, script: string, args: readonly string[]): Command {
  return [...pinned(threads), process.execPath, fileURLToPath(new URL(script, import.meta.url)), ...args];
}

/** What a contender reported, and its memory. */
export interface Outcome {
  readonly milliseconds: number;
  readonly mebibytes: number;
  /** From the start of the process to its first result; NaN if the contender does not report it. */
  readonly firstMilliseconds: number;
}

const gnuTime = '/usr/bin/time';

/** Runs a command that prints JSON. Peak memory comes from GNU time if installed, otherwise from the command itself. */
export async function run(command: Command, threads: number): Promise<Outcome> {
  const [program, ...args] = existsSync(gnuTime) ? [gnuTime, '-v', ...command] : command;
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
