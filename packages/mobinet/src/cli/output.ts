import { writeSync } from 'node:fs';
import { DataError, messageOf } from '../data/errors.js';
import { printable } from '../data/printable.js';
import { launchedRank } from '../distributed/launch.js';
import { hasCode } from '../files/write-error.js';
import type { EpochMetrics } from '../training/run.js';

/**
 * Prints lines of a result to stdout; all other messages go to stderr (`say`). Control characters are escaped. After
 * the reader of a pipe has closed it, nothing more is written.
 *
 * @throws DataError if the lines cannot be written, for example to a file on a full disk.
 * @example
 * ```ts
 * import { printResult } from 'mobinet/cli';
 *
 * printResult('cat', 'dog');
 * // → cat
 * // → dog
 * ```
 */
export function printResult(...lines: readonly string[]): void {
  writeResult(asLines(lines));
}

/**
 * Prints a result to stdout as one line of JSON.
 *
 * @param value Anything that `JSON.stringify` takes.
 * @throws DataError like `printResult`.
 * @example
 * ```ts
 * import { printJson } from 'mobinet/cli';
 *
 * printJson({ top1: 75.5 });
 * // → {"top1":75.5}
 * ```
 */
export function printJson(value: unknown): void {
  printResult(JSON.stringify(value));
}

let hasReader = true;

/**
 * Writes all bytes to stdout. After its reader has closed the pipe, as `head` does, nothing more is written.
 * @throws DataError if the bytes cannot be written, for example to a file on a full disk.
 */
export function writeResult(content: string | Uint8Array): void {
  if (!isFirst) return;
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  // Not through process.stdout: it writes to a file once, and ignores how many bytes were written.
  for (let done = 0; hasReader && done < bytes.length; ) {
    try {
      done += writeSync(process.stdout.fd, bytes, done);
    } catch (error) {
      const isClosedTerminal = hasCode(error, 'EIO') && process.stdout.isTTY;
      if (hasCode(error, 'EPIPE') || isClosedTerminal) hasReader = false;
      // The pipe is full, so wait for its reader.
      else if (hasCode(error, 'EAGAIN')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      else
        throw new DataError(
          `cannot write the result to stdout: ${messageOf(error)}. Free up space, or write it elsewhere`,
        );
    }
  }
}

/** Whether stdout may still have a reader. */
export const stdoutHasReader = (): boolean => hasReader;

/**
 * Prints messages to stderr, one per line. Control characters in names are escaped.
 *
 * @example
 * ```ts
 * import { printResult, say } from 'mobinet/cli';
 *
 * say('reading 3 files');
 * printResult('3'); // only this is on stdout
 * // → 3
 * ```
 */
export function say(...lines: readonly string[]): void {
  if (isFirst) complain(...lines);
}

/** Like `say`, but also on processes that MPI has started besides the first one, which otherwise say nothing. */
export function complain(...lines: readonly string[]): void {
  process.stderr.write(asLines(lines));
}

/** Whether this is the only process, or the first of those that MPI has started. */
const isFirst = launchedRank() === 0;

const asLines = (lines: readonly string[]): string => lines.map((line) => `${printable(line)}\n`).join('');

/** Formats the metrics of an epoch as one line. */
export function formatMetrics({ epoch, trainLoss, valLoss, top1, top5, imagesPerSecond }: EpochMetrics): string {
  return (
    `epoch ${epoch}: training loss ${trainLoss.toFixed(4)}, validation loss ${valLoss.toFixed(4)}, ` +
    `${formatAccuracy({ top1, top5 })} (${formatRate(imagesPerSecond)})`
  );
}

/** Formats a rate with one decimal below 10 images/s, and two significant digits below 0.1 images/s. */
export function formatRate(imagesPerSecond: number): string {
  if (imagesPerSecond < 0.1) return `${imagesPerSecond.toPrecision(2)} images/s`;
  return `${imagesPerSecond.toFixed(imagesPerSecond < 9.95 ? 1 : 0)} images/s`;
}

const [minute, hour, day] = [60, 3600, 86_400];

/** Formats seconds in the two largest units that matter: 12 s, 3 min 5 s, 7 h 12 min, 3 days 4 h, 115 days. */
export function formatDuration(duration: number): string {
  const seconds = Math.ceil(duration);
  if (seconds < minute) return `${seconds} s`;
  if (seconds < hour) return `${Math.floor(seconds / minute)} min ${seconds % minute} s`;
  if (seconds < day) return `${Math.floor(seconds / hour)} h ${Math.floor((seconds % hour) / minute)} min`;
  const days = Math.floor(seconds / day);
  if (days >= 14) return `${Math.round(seconds / day)} days`;
  return `${days} ${days === 1 ? 'day' : 'days'} ${Math.floor((seconds % day) / hour)} h`;
}

/** Formats accuracies in percent. With five classes or fewer, top-5 would always be 100 % and is left out. */
export function formatAccuracy({ top1, top5 }: Pick<EpochMetrics, 'top1' | 'top5'>): string {
  return `top-1 ${top1.toFixed(2)} %${top5 === null ? '' : `, top-5 ${top5.toFixed(2)} %`}`;
}
