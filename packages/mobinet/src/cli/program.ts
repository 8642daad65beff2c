import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { environmentVariable } from '@mobinet/tensor/kernels';
import { type Command, CommanderError } from 'commander';
import { messageOf } from '../data/errors.js';
import type { Network } from '../networks/network.js';
import { networkOf } from './network-flag.js';
import { say, writeResult } from './output.js';

/**
 * Runs a command line. Whatever goes wrong ends in one line on stderr and exit code 1, without a stack trace
 * (`MOBINET_DEBUG=1` shows it).
 *
 * @param program The commands, or what makes them for the kind of network that `--network` names: its options are their flags.
 */
export async function runProgram(program: Command | ((network: Network) => Command)): Promise<void> {
  ignoreReadersThatLeave();
  const hasTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
  process.on('uncaughtException', endInOrder);
  try {
    const root = typeof program === 'function' ? program(await networkOf(process.argv)) : program;
    for (const command of [root, ...root.commands]) {
      command
        .showHelpAfterError(false)
        .configureOutput({ writeOut: writeResult, outputError: (text) => say(oneLine(text)) })
        // It would end the process, here and now. Who runs the program does more than one command line, perhaps.
        .exitOverride();
    }
    await root.parseAsync();
  } catch (error) {
    // What Commander has to say, help or a mistake, is said already.
    if (error instanceof Interruption || error instanceof CommanderError) {
      process.exitCode = error.exitCode;
      // At its own end Node restores the terminal, and aborts with a stack trace where that was closed. The signal ends it before that, once
      // all others have heard of the end.
      if (hasTerminal && error instanceof Interruption && error.signal === 'SIGHUP') {
        process.once('exit', () => process.kill(process.pid, 'SIGHUP'));
      }
      return;
    }
    tell(error);
    process.exitCode = 1;
  }
}

/** The work that goes on, if it can be interrupted. */
let work: AbortController | null = null;

/** An error that nobody awaits, such as one of a thread, ends the program. Work that can be interrupted saves first what it has. */
function endInOrder(error: unknown): void {
  if (work && !work.signal.aborted) {
    work.abort(error);
    return;
  }
  tell(error);
  process.exit(1);
}

function tell(error: unknown): void {
  say(`error: ${oneLine(messageOf(error))}`);
  if (environmentVariable('MOBINET_DEBUG') && error instanceof Error) say(...(error.stack ?? '').split('\n'));
}

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, ' ');

/** Libraries write to these, too. A terminal that was closed, or a pipe without a reader, is no reason to end. */
function ignoreReadersThatLeave(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}

/** A signal of the operating system that asked work to end. */
export class Interruption extends Error {
  override readonly name = 'Interruption';

  constructor(readonly signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
    super(`interrupted by ${signal}`);
  }

  /** What shells expect of a program that a signal ended. */
  get exitCode(): number {
    return 128 + constants.signals[this.signal];
  }
}

/**
 * A signal that aborts at the first Ctrl-C, when the program is asked to terminate, or when its terminal is closed, so that work can end
 * cleanly; its reason is an `Interruption`, or an error that nobody has awaited. A second Ctrl-C ends the program at once.
 * Call `release` when there is nothing left to interrupt.
 */
export function interruptible(message: string): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  work = controller;
  let interruptedAt = 0;
  const interrupt = (name: Interruption['signal']): void => {
    const interruption = new Interruption(name);
    if (!controller.signal.aborted) {
      interruptedAt = performance.now();
      controller.abort(interruption);
      // Said when work knows of it: nobody may be left to hear.
      say('', `${message} (Ctrl-C again quits at once)`);
      return;
    }
    // npm passes a Ctrl-C on to its child, which has it already: nobody presses a key twice so soon.
    const isEcho = performance.now() - interruptedAt < 100;
    // A terminal that is closed says so twice, by the shell and by the system.
    if (!isEcho && name !== 'SIGHUP') process.exit(interruption.exitCode);
  };
  const listeners = { SIGINT: interrupt, SIGTERM: interrupt, SIGHUP: isUnderNohup() ? () => {} : interrupt };
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

/** Ends the program in order if a signal comes before `work` is done: what has to be removed at its exit is removed then. */
export async function exitingOnSignals<T>(work: Promise<T>): Promise<T> {
  const exit = (name: Interruption['signal']): never => process.exit(new Interruption(name).exitCode);
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, exit);
  return work.finally(() => {
    for (const name of names) process.off(name, exit);
  });
}

/** `nohup` makes programs ignore that their terminal is closed, but Node undoes that. Shells leave the name of what they have started. */
const isUnderNohup = (): boolean => /(^|\/)nohup$/.test(environmentVariable('_') ?? '');
