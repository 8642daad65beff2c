import { writeSync } from 'node:fs';
import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import { DataError, messageOf } from '../data/errors.js';
import { printable } from '../data/printable.js';
import { hasCode } from '../files/write-error.js';
import type { NetworkSummary } from '../summary/summary.js';
import type { EpochMetrics } from '../training/run.js';

/** Results go to stdout; everything that is said on the way goes to stderr. Names in these lines cannot do more than be read. */
export function printResult(...lines: readonly string[]): void {
  writeResult(asLines(lines));
}

export function printJson(value: unknown): void {
  printResult(JSON.stringify(value));
}

let hasReader = true;

/**
 * Writes to stdout, whole. Once its reader has left, as `head` does, nothing is written any more, and that is no error.
 * @throws DataError if it cannot be written, as to a file on a disk that is full.
 */
export function writeResult(content: string | Uint8Array): void {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  // Not by the stream of the process: to a file it writes once, and takes no notice of how much that was.
  for (let done = 0; hasReader && done < bytes.length; ) {
    try {
      done += writeSync(process.stdout.fd, bytes, done);
    } catch (error) {
      const isClosedTerminal = hasCode(error, 'EIO') && process.stdout.isTTY;
      if (hasCode(error, 'EPIPE') || isClosedTerminal) hasReader = false;
      // The reader of a pipe is slower than we are.
      else if (hasCode(error, 'EAGAIN')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      else
        throw new DataError(
          `the result could not be written to stdout: ${messageOf(error)}. Make room, or write it elsewhere`,
        );
    }
  }
}

/** Whether what is written to stdout may be read by somebody. */
export const isResultRead = (): boolean => hasReader;

export function say(...lines: readonly string[]): void {
  process.stderr.write(asLines(lines));
}

const asLines = (lines: readonly string[]): string => lines.map((line) => `${printable(line)}\n`).join('');

/** A table without borders: the head, a rule, the rows. Columns of numbers are to the right. */
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
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ mid: '', 'mid-mid': '', 'left-mid': '', 'right-mid': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', middle: '  ', right: '' },
};

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
      ? 'saved size   – (an op of it has no place in a packed file)'
      : `saved size   ${count(total.savedBytes)} bytes`,
  ].join('\n');
}

export function formatMetrics({ epoch, trainLoss, valLoss, top1, top5, imagesPerSecond }: EpochMetrics): string {
  return (
    `epoch ${epoch}: training loss ${trainLoss.toFixed(4)}, validation loss ${valLoss.toFixed(4)}, ` +
    `${formatAccuracy({ top1, top5 })} (${formatRate(imagesPerSecond)})`
  );
}

/** One decimal below ten images a second, two digits below one in ten seconds. */
export function formatRate(imagesPerSecond: number): string {
  if (imagesPerSecond < 0.1) return `${imagesPerSecond.toPrecision(2)} images/s`;
  return `${imagesPerSecond.toFixed(imagesPerSecond < 9.95 ? 1 : 0)} images/s`;
}

const [minute, hour, day] = [60, 3600, 86_400];

/** In the two largest units that matter: 12 s, 3 min 5 s, 7 h 12 min, 3 days 4 h, 115 days. */
export function formatDuration(duration: number): string {
  const seconds = Math.ceil(duration);
  if (seconds < minute) return `${seconds} s`;
  if (seconds < hour) return `${Math.floor(seconds / minute)} min ${seconds % minute} s`;
  if (seconds < day) return `${Math.floor(seconds / hour)} h ${Math.floor((seconds % hour) / minute)} min`;
  const days = Math.floor(seconds / day);
  if (days >= 14) return `${Math.round(seconds / day)} days`;
  return `${days} ${days === 1 ? 'day' : 'days'} ${Math.floor((seconds % day) / hour)} h`;
}

/** With five classes or fewer, every image would be among the top five, so top-5 is left out. */
export function formatAccuracy({ top1, top5 }: Pick<EpochMetrics, 'top1' | 'top5'>): string {
  return `top-1 ${top1.toFixed(2)} %${top5 === null ? '' : `, top-5 ${top5.toFixed(2)} %`}`;
}

/** A terminal, or whatever stderr is. */
type Output = NodeJS.WritableStream & { readonly isTTY?: boolean };

interface ProgressDetails {
  /** What else there is to say. */
  readonly details?: readonly string[];
  /** How many seconds are left of the run that the work is a part of, if that is known. */
  readonly run?: number | null;
}

/** Shows how far a long work over images is: a bar on a terminal; elsewhere, as in a log file, a line now and then. */
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
      // The cursor stays, and lines are cut to the terminal's width here, not by the terminal: whatever ends the program, there is
      // nothing that would have to be undone.
      hideCursor: false,
      linewrap: true,
      clearOnComplete: true,
      barsize: 24,
    });
  }

  /** Another title starts another bar. */
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
      ...(run === null ? [] : [`${formatDuration(run)} for the run`]),
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

  /** Takes the bar away, so that lines can be printed. */
  stop(): void {
    this.#bar.stop();
    this.#title = null;
  }
}

/** What is left at the pace so far; nothing is said before there is one. */
function timeLeft(seconds: number, done: number, remaining: number): string[] {
  return done > 0 ? [`${formatDuration((seconds * remaining) / done)} left`] : [];
}

const count = (value: number): string => value.toLocaleString('en-US');
const millions = (value: number): string => (value / 1e6).toFixed(2);
