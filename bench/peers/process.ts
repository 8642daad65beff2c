import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Spread } from '@mobinet/bench/median';
import { environment, pinned } from './environment.js';

// Contenders that run in their own process.

/** A program and its arguments. */
export type Command = readonly string[];

/** A command and its environment. */
export interface Program {
  readonly command: Command;
  readonly env: NodeJS.ProcessEnv;
}

/** A script of this folder in Node. With one thread, it is pinned to one processor. */
export function nodeProgram(
  threads: number,
  script: string,
  args: readonly string[],
  node: string = process.execPath,
): Program {
  const file = fileURLToPath(new URL(script, import.meta.url));
  return { command: [...pinned(threads), node, file, ...args], env: environment(threads) };
}

/** What a contender reported. */
export interface Outcome extends Spread {
  readonly mebibytes: number;
  /** From the start of the process to its first result; NaN if the contender does not report it. */
  readonly firstMilliseconds: number;
}

/** Runs a program that prints JSON: its times in milliseconds, its peak memory, and the date of its first result. */
export async function run({ command, env }: Program): Promise<Outcome> {
  const [program, ...args] = command;
  const start = Date.now();
  const { stdout } = await promisify(execFile)(program, args, { env });
  const { minimum, median, mebibytes, firstAt = Number.NaN } = JSON.parse(stdout);
  return { minimum, median, mebibytes, firstMilliseconds: firstAt - start };
}
