import { constants } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { environmentVariable, kernelSetting, splitHelp } from '@mobinet/tensor/kernels';
import { type Command, CommanderError } from 'commander';
import { messageOf } from '../data/errors.js';
import { isCommon } from '../distributed/common-errors.js';
import type { Communicator } from '../distributed/communicator.js';
import { abortLaunch, launchedRank, launchOf } from '../distributed/launch.js';
import type { Network } from '../networks/network.js';
import { networkOf } from './network-flag.js';
import { opened } from './opened-communicator.js';
import { complain, say, writeResult } from './output.js';

/**
 * Runs a command line on the arguments of the process. Any error ends the program with one line on stderr and exit code
 * 1, without a stack trace (`MOBINET_DEBUG=1` shows it).
 *
 * @param program The commands, or a function that makes them for the network named by `--network`.
 * @example
 * ```ts
 * import { Command } from 'commander';
 * import { runProgram } from 'mobinet/cli';
 *
 * process.argv.splice(2, Number.POSITIVE_INFINITY, 'Ada'); // node greet.js Ada
 * await runProgram(new Command('greet').argument('<name>').action((name) => console.log(`Hello ${name}`)));
 * // → Hello Ada
 * ```
 */
export async function runProgram(program: Command | ((network: Network) => Command | Promise<Command>)): Promise<void> {
  ignoreClosedOutputs();
  const hasTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
  process.on('uncaughtException', endCleanly);
  try {
    // Reads MOBINET_KERNELS, so that a mistake in it is reported first.
    kernelSetting();
    const root = typeof program === 'function' ? await program(await networkOf(process.argv)) : program;
    for (const command of [root, ...root.commands]) {
      command
        .showHelpAfterError(false)
        .configureOutput({ writeOut: writeResult, outputError: (text) => say(joinLines(text)) })
        // Commander would end the process immediately, but the caller may run further command lines.
        .exitOverride();
    }
    await root.parseAsync();
  } catch (error) {
    process.exitCode = error instanceof Interruption || error instanceof CommanderError ? error.exitCode : 1;
    if (error instanceof Interruption) {
      // On exit, Node restores the terminal, and aborts with a stack trace if that was closed. The signal ends the
      // process before that, after all other exit handlers.
      if (hasTerminal && error.signal === 'SIGHUP') {
        process.once('exit', () => process.kill(process.pid, 'SIGHUP'));
      }
      return;
    }
    // Commander has already printed its help or error.
    const isPrinted = error instanceof CommanderError && (error.exitCode === 0 || launchedRank() === 0);
    if (!isPrinted) await reportOnce(error);
    if (process.exitCode !== 0) abortLaunch(process.exitCode);
  } finally {
    opened.communicator?.close();
  }
}

/** The running work, if it can be interrupted. */
let work: AbortController | null = null;

/** Ends the program at an uncaught error, such as one of a thread. Interruptible work gets to save its state first. */
function endCleanly(error: unknown): void {
  if (work && !work.signal.aborted) {
    work.abort(error);
    return;
  }
  const { communicator } = opened;
  if (communicator) abandonOthers(error, communicator);
  report(error, launchedRank());
  abortLaunch(1);
  process.exit(1);
}

/** How long other processes wait before they print an error that the first one may have printed as well. */
const patience = 3000;

/**
 * Reports an error of processes that MPI has started: once if it is the same on all, and with its rank if it is that of
 * one of them, which then ends the others.
 */
async function reportOnce(error: unknown): Promise<void> {
  const rank = launchedRank();
  const { communicator } = opened;
  if (communicator && !isCommon(error)) abandonOthers(error, communicator);
  if (rank === 0) report(error);
  else if (!communicator) {
    // A launcher ends all processes soon after one of them, so an error of the first one comes first.
    await setTimeout(patience);
    report(error, rank);
  }
}

/** Reports an error of this process while the others are at work, and ends them. */
function abandonOthers(error: unknown, communicator: Communicator): never {
  complain(`error: rank ${communicator.rank}: ${joinLines(messageOf(error))}`);
  return communicator.abort(1);
}

/** @param rank Is named if it is not the first one. */
function report(error: unknown, rank = 0): void {
  const message = joinLines(messageOf(error)).replace(/^error: /, '');
  complain(`error: ${rank > 0 ? `rank ${rank}: ` : ''}${message}`);
  const help = helpOf(error);
  if (help) complain(help);
  if (environmentVariable('MOBINET_DEBUG') && error instanceof Error) complain(...(error.stack ?? '').split('\n'));
}

/** The line of an error's message that points to help, or that of the error which caused it. */
function helpOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  return splitHelp(error.message).help ?? helpOf(error.cause);
}

const joinLines = (text: string): string => text.trim().replace(/\s*\n\s*/g, ' ');

/**
 * Ignores errors of stdout and stderr, to which libraries write, too. A closed terminal or a pipe without a reader is
 * no reason to end.
 */
function ignoreClosedOutputs(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}

/** The reason why work was aborted: a signal of the operating system. */
class Interruption extends Error {
  override readonly name = 'Interruption';

  constructor(readonly signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGUSR2') {
    super(`interrupted by ${signal}`);
  }

  /** The exit code that shells expect from a program ended by a signal. */
  get exitCode(): number {
    return 128 + constants.signals[this.signal];
  }
}

/** Whether work was aborted by a signal, not by an error. */
export const isInterruption = (reason: unknown): boolean => reason instanceof Interruption;

/** The reason why work of this process ended: another one, with which it trains, was asked to stop. */
export const stoppedElsewhere = (): Error => new Interruption('SIGTERM');

/**
 * Returns a signal that aborts at the first Ctrl-C, when the program is asked to terminate (also by SIGUSR2, which
 * `mpirun` passes on without ending the program itself), or when its terminal is closed, so that work can end cleanly.
 * Its reason is an `Interruption` or an uncaught error. A second Ctrl-C ends the program immediately. Call `release`
 * when there is nothing left to interrupt.
 */
export function interruptible(message: string): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  work = controller;
  let interruptedAt = 0;
  const isLaunched = launchOf(process.env) !== null;
  const interrupt = (name: Interruption['signal']): void => {
    const interruption = new Interruption(name);
    if (!controller.signal.aborted) {
      interruptedAt = performance.now();
      controller.abort(interruption);
      // Printed after the abort, since nobody may be left to read it.
      say('', isLaunched ? message : `${message} (press Ctrl-C again to quit immediately)`);
      return;
    }
    // npm forwards a Ctrl-C to its child, which has already received it. Nobody presses a key twice that quickly.
    // The launcher of MPI, its helpers, Slurm and a terminal may all signal the same processes, within seconds. Whoever
    // is in a hurry has the launcher end them.
    const isEcho = isLaunched || performance.now() - interruptedAt < 100;
    // Closing a terminal sends the signal twice, from the shell and from the system.
    if (!isEcho && name !== 'SIGHUP') process.exit(interruption.exitCode);
  };
  const hangUp = isUnderNohup() ? () => {} : interrupt;
  const listeners = { SIGINT: interrupt, SIGTERM: interrupt, SIGUSR2: interrupt, SIGHUP: hangUp };
  const entries = Object.entries(listeners) as [Interruption['signal'], typeof interrupt][];
  for (const [name, listener] of entries) process.on(name, listener);
  return {
    signal: controller.signal,
    release: () => {
      work = null;
      for (const [name, listener] of entries) process.off(name, listener);
    },
  };
}

/** Awaits work. If a signal arrives first, exits the process through its exit handlers, which clean up. */
export async function exitingOnSignals<T>(work: Promise<T>): Promise<T> {
  const exit = (name: Interruption['signal']): never => process.exit(new Interruption(name).exitCode);
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, exit);
  return work.finally(() => {
    for (const name of names) process.off(name, exit);
  });
}

/**
 * Whether the program runs under `nohup`, which makes programs ignore a closed terminal, though Node undoes that.
 * Shells set `_` to the command that they have started.
 */
const isUnderNohup = (): boolean => /(^|\/)nohup$/.test(environmentVariable('_') ?? '');
