import { environmentVariable } from '@mobinet/tensor/kernels';
import type { Command } from 'commander';
import { say } from './output.js';

/**
 * Runs a command line. Whatever goes wrong ends in one line on stderr and exit code 1, without a stack trace
 * (`MOBINET_DEBUG=1` shows it).
 */
export async function runProgram(program: Command): Promise<void> {
  for (const command of [program, ...program.commands]) {
    command.showHelpAfterError(false).configureOutput({ outputError: (text, write) => write(`${oneLine(text)}\n`) });
  }
  try {
    await program.parseAsync();
  } catch (error) {
    say(`error: ${oneLine(error instanceof Error ? error.message : String(error))}`);
    if (environmentVariable('MOBINET_DEBUG') && error instanceof Error) say(error.stack ?? '');
    process.exitCode = 1;
  }
}

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, ' ');

/**
 * A signal that aborts at the first Ctrl-C, so that work can end cleanly; the second one ends the program at once.
 * Call `release` when there is nothing left to interrupt.
 */
export function interruptible(message: string): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(interruptedExitCode);
    say(`\n${message} (Ctrl-C again quits at once)`);
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return {
    signal: controller.signal,
    release: () => {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
    },
  };
}

/** What shells expect of a program that Ctrl-C ended: 128 + SIGINT. */
export const interruptedExitCode = 130;
