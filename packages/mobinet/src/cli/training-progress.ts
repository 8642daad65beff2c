import type { EpochProgress, StepReport } from '../training/epoch.js';
import type { EpochMetrics } from '../training/run.js';
import { formatDuration, formatMetrics, formatRate, ImageProgress, say } from './output.js';

/** A run that takes longer than this, in seconds, had better be another. */
const tooLong = 7 * 86_400;

/** One that is shorter is over before anybody asks. */
const tooShort = 60;

export interface TrainingProgressOptions {
  /** What would make the run shorter, for one that takes weeks. */
  readonly advice: string;
  readonly progress?: ImageProgress;
  readonly tell?: (text: string) => void;
}

/** Bars for training and validation, a line when an epoch is done, and one that says how long all will take, as soon as that is known. */
export class TrainingProgress {
  readonly #progress: ImageProgress;
  readonly #advice: string;
  readonly #tell: (text: string) => void;
  #hasToldDuration = false;

  constructor({ advice, progress = new ImageProgress(), tell = say }: TrainingProgressOptions) {
    this.#advice = advice;
    this.#progress = progress;
    this.#tell = tell;
  }

  onStep = (report: StepReport): void => {
    const { epoch, epochs, images, imagesPerEpoch, loss, imagesPerSecond, secondsLeft: run } = report;
    this.#tellDuration(report);
    const details = [`loss ${loss.toFixed(4)}`, formatRate(imagesPerSecond)];
    this.#progress.show(`epoch ${epoch}/${epochs}`, images, imagesPerEpoch, { details, run });
  };

  onValidation = ({ epoch, epochs, images, imagesPerEpoch, secondsLeft: run }: EpochProgress): void => {
    this.#progress.show(`epoch ${epoch}/${epochs}, validation`, images, imagesPerEpoch, { run });
  };

  onEpoch = (metrics: EpochMetrics): void => {
    this.stop();
    this.#tell(formatMetrics(metrics));
  };

  onWarning = (message: string): void => {
    this.stop();
    this.#tell(`warning: ${message}`);
  };

  stop(): void {
    this.#progress.stop();
  }

  #tellDuration({ epoch, epochs, secondsPerEpoch, secondsLeft }: StepReport): void {
    if (this.#hasToldDuration || secondsPerEpoch === null || secondsLeft === null) return;
    this.#hasToldDuration = true;
    if (secondsLeft < tooShort) return;
    this.stop();
    const whole = epoch === 1 ? `all ${epochs} epochs` : `what is left of ${epochs} epochs`;
    const advice = secondsLeft > tooLong ? `. ${this.#advice}` : '';
    this.#tell(
      `at this pace an epoch takes ${formatDuration(secondsPerEpoch)}, ${whole} ${formatDuration(secondsLeft)}${advice}`,
    );
  }
}
