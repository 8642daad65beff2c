import type { EpochProgress, StepReport } from '../training/epoch.js';
import type { EpochMetrics } from '../training/run.js';
import { ImageProgress } from './image-progress.js';
import { formatDuration, formatMetrics, formatRate, say } from './output.js';

/** A longer run, in seconds, gets advice on how to shorten it. */
const tooLong = 7 * 86_400;

/** A shorter run, in seconds, is over before an estimate helps. */
const tooShort = 60;

/** Options of `TrainingProgress`. */
export interface TrainingProgressOptions {
  /** How to shorten a run that would take weeks. */
  readonly advice: string;
  readonly progress?: ImageProgress;
  /** Prints a line. Default: `say`. */
  readonly print?: (text: string) => void;
}

/** Shows bars for training and validation, a line per epoch, and once an estimate of how long the run will take. */
export class TrainingProgress {
  readonly #progress: ImageProgress;
  readonly #advice: string;
  readonly #print: (text: string) => void;
  #hasPrintedEstimate = false;

  constructor({ advice, progress = new ImageProgress(), print = say }: TrainingProgressOptions) {
    this.#advice = advice;
    this.#progress = progress;
    this.#print = print;
  }

  onStep = (report: StepReport): void => {
    const { epoch, epochs, images, imagesPerEpoch, loss, imagesPerSecond, secondsLeft: run } = report;
    this.#printEstimate(report);
    const details = [`loss ${loss.toFixed(4)}`, formatRate(imagesPerSecond)];
    this.#progress.show(`epoch ${epoch}/${epochs}`, images, imagesPerEpoch, { details, run });
  };

  onValidation = ({ epoch, epochs, images, imagesPerEpoch, secondsLeft: run }: EpochProgress): void => {
    this.#progress.show(`epoch ${epoch}/${epochs}, validation`, images, imagesPerEpoch, { run });
  };

  onEpoch = (metrics: EpochMetrics): void => {
    this.stop();
    this.#print(formatMetrics(metrics));
  };

  onWarning = (message: string): void => {
    this.stop();
    this.#print(`warning: ${message}`);
  };

  stop(): void {
    this.#progress.stop();
  }

  #printEstimate({ epoch, epochs, secondsPerEpoch, secondsLeft }: StepReport): void {
    if (this.#hasPrintedEstimate || secondsPerEpoch === null || secondsLeft === null) return;
    this.#hasPrintedEstimate = true;
    if (secondsLeft < tooShort) return;
    this.stop();
    const whole = epoch === 1 ? `all ${epochs} epochs` : `the rest of the ${epochs} epochs`;
    const advice = secondsLeft > tooLong ? `. ${this.#advice}` : '';
    this.#print(
      `at this pace, an epoch takes ${formatDuration(secondsPerEpoch)} and ${whole} ${formatDuration(secondsLeft)}${advice}`,
    );
  }
}
