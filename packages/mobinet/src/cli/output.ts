import { writeSync } from 'node:fs';
import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import { DataError, messageOf } from '../data/errors.js';
import { printable } from '../data/printable.js';
import { hasCode } from '../files/write-error.js';
import type { NetworkSummary } from '../summary/summary.js';
import type { EpochMetrics } from '../training/run.js';

/** Prints lines of a result to stdout; all other messages go to stderr (`say`). Control characters are escaped. */
export function printResult(...lines: readonly string[]): void {
  writeResult(asLines(lines));
}

/** Prints a result to stdout as one line of JSON. */
export function printJson(value: unknown): void {
  printResult(JSON.stringify(value));
}

let hasReader = true;

/**
 * Writes all bytes to stdout. After its reader has closed the pipe, as `head` does, nothing more is written.
 * @throws DataError if the bytes cannot be written, for example to a file on a full disk.
 */
export function writeResult(content: string | Uint8Array): void {
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

/** Prints messages to stderr, one per line. Control characters in names are escaped. */
export function say(...lines: readonly string[]): void {
  process.stderr.write(asLines(lines));
}

const asLines = (lines: readonly string[]): string => lines.map((line) => `${printable(line)}\n`).join('');

/** Formats a table without borders: the head, a rule, the rows. Columns of numbers are right-aligned. */
export function formatTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const texts = rows.map((row) => row.map((cell) => printable(String(cell))));
  const columns = head.map((name, column) => [name, ...texts.map((row) => row[column])]);
  const rule = columns.map((cells) => '─'.repeat(Math.max(...cells.map((cell) => cell.length))));
  const table = new Table({
    colAligns: columns.map(([, ...cells]) => (cells.every((cell) => /^[\d.,%–-]/.test(cell)) ? 'right' : 'left')),
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  table.push([...head], rule, ...texts);
  return table.toString();
}

const noBorders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  mid: '',
  'mid-mid': '',
  'left-mid': '',
  'right-mid': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  middle: '  ',
  right: '',
};

/** Formats a network's summary: a table of its layers, and totals. */
export function formatSummary({ layers, ...total }: NetworkSummary): string {
  const rows = layers.map((layer) => [
    layer.name,
    layer.kind,
    layer.inputShape.join('×'),
    layer.outputShape.join('×'),
    count(layer.binaryParameters),
    count(layer.floatParameters),
    millions(layer.binaryMultiplyAdds),
    millions(layer.floatMultiplyAdds),
    layer.savedBytes === null ? '–' : count(layer.savedBytes),
  ]);
  const head = ['layer', 'kind', 'input', 'output', 'bits', 'floats', 'binary M', 'float M', 'bytes'];
  return [
    formatTable(head, rows),
    `parameters   ${count(total.parameters)} (${count(total.binaryParameters)} binary, ${count(total.floatParameters)} float)`,
    `FLOPs        ${millions(total.flops)} M = ${millions(total.floatMultiplyAdds)} M float + ${millions(total.binaryMultiplyAdds)} M binary / 64`,
    total.savedBytes === null
      ? 'saved size   – (packed files do not support all of its ops)'
      : `saved size   ${count(total.savedBytes)} bytes`,
  ].join('\n');
}

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

/** A terminal, file or pipe. */
type Output = NodeJS.WritableStream & { readonly isTTY?: boolean };

interface ProgressDetails {
  /** Further information to show. */
  readonly details?: readonly string[];
  /** Seconds left of the whole run that the task is part of, if known. */
  readonly run?: number | null;
}

/** Shows the progress of a long task over images: a bar on a terminal, or a line now and then in a log file. */
export class ImageProgress {
  readonly #output: Output;
  readonly #millisecondsPerLine: number;
  readonly #bar: SingleBar;
  #title: string | null = null;
  #start = { time: 0, images: 0 };
  #lastLine = performance.now();

  constructor(output: Output = process.stderr, { secondsPerLine = 30 } = {}) {
    this.#output = output;
    this.#millisecondsPerLine = 1000 * secondsPerLine;
    this.#bar = new SingleBar({
      format: '{title} [{bar}] {value}/{total} images{details}',
      stream: output,
      // The cursor stays visible, and lines are cut to the terminal's width here rather than by the terminal, so that
      // no mode of the terminal has to be restored, however the program ends.
      hideCursor: false,
      linewrap: true,
      clearOnComplete: true,
      barsize: 24,
    });
  }

  /** Shows the number of images done. A new title starts a new bar. */
  show(title: string, images: number, total: number, { details = [], run = null }: ProgressDetails = {}): void {
    const now = performance.now();
    const isNew = title !== this.#title;
    if (isNew) {
      this.stop();
      this.#title = title;
      this.#start = { time: now, images };
    }
    const parts = [
      ...details,
      ...timeLeft((now - this.#start.time) / 1000, images - this.#start.images, total - images),
      ...(run === null ? [] : [`${formatDuration(run)} left in the run`]),
    ];
    if (!this.#output.isTTY) {
      if (now - this.#lastLine < this.#millisecondsPerLine) return;
      this.#lastLine = now;
      this.#output.write(`${[`${title}: ${images}/${total} images`, ...parts].join(', ')}\n`);
      return;
    }
    const payload = { title, details: parts.map((part) => `  ${part}`).join('') };
    if (isNew) this.#bar.start(total, images, payload);
    else this.#bar.update(images, payload);
  }

  /** Removes the bar, so that lines can be printed. */
  stop(): void {
    this.#bar.stop();
    this.#title = null;
  }
}

/** The time left at the current pace; nothing before there is one. */
function timeLeft(seconds: number, done: number, remaining: number): string[] {
  return done > 0 ? [`${formatDuration((seconds * remaining) / done)} left`] : [];
}

const count = (value: number): string => value.toLocaleString('en-US');
const millions = (value: number): string => (value / 1e6).toFixed(2);
