import { SingleBar } from 'cli-progress';
import { formatDuration } from './output.js';

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
