import { basename, join, resolve } from 'node:path';
import { messageOf } from '../data/errors.js';
import { saveFile } from '../files/save-file.js';
import type { EventLog } from '../report/event-log.js';
import { pageOf, renderContents } from '../report/page.js';
import type { Fact, Report } from '../report/report.js';
import { bestEpoch } from '../training/best.js';
import type { TrainingRun } from '../training/run.js';
import { reportFile } from '../training/run-folder.js';
import type { LivePage } from './live-page.js';
import { formatDuration, say } from './output.js';

/** The parts of a report that are only written at the end of a run. */
export type FinalParts = Pick<Report, 'weights' | 'validation'>;

/** The report of a run. */
export function reportOf(run: TrainingRun, folder: string, parts: FinalParts = {}): Report {
  const { history, training } = run;
  return {
    title: basename(resolve(folder)),
    subtitle: settingsOf(run),
    facts: factsOf(run),
    curves: { history, labelSmoothing: training.labelSmoothing, mixup: training.mixup },
    ...parts,
  };
}

function settingsOf({ network, options, training, classes }: TrainingRun): string {
  const { imageSize, ...rest } = options as TrainingRun['options'] & Record<string, unknown>;
  const changed = Object.entries(rest).filter(([key, value]) => {
    return key !== 'classes' && value !== network.options[key]?.default;
  });
  return [
    [network.name, ...changed.map(([key, value]) => `${key} ${value}`)].join(', '),
    `${imageSize} × ${imageSize} pixels, ${classes.length} classes`,
    `${training.optimizer}, ${training.schedule} schedule, batches of ${training.batchSize}`,
  ].join(' · ');
}

function factsOf({ history, training, trainImages }: TrainingRun): Fact[] {
  const best = bestEpoch(history);
  const last = history.at(-1);
  const seconds = history.reduce((sum, { seconds }) => sum + seconds, 0);
  return [
    ...(last ? [{ name: 'top-1 in the last epoch', value: `${last.top1.toFixed(2)} %` }] : []),
    ...(best ? [{ name: `best, in epoch ${best.epoch}`, value: `${best.top1.toFixed(2)} %` }] : []),
    { name: 'epochs', value: `${history.length} of ${training.epochs}` },
    { name: 'training images', value: trainImages.toLocaleString('en-US') },
    { name: 'training time', value: formatDuration(seconds) },
  ];
}

/** Where a running training shows itself. */
export interface RunReportOptions {
  /** The run folder, which gets the report. */
  readonly out: string;
  /** A page that shows the report live. */
  readonly page?: LivePage | undefined;
  /** A file for TensorBoard. */
  readonly events?: EventLog | undefined;
}

/** Writes the report of a run while it is being trained. A report that cannot be written does not end the training. */
export class RunReport {
  readonly #run: TrainingRun;
  readonly #options: RunReportOptions;
  #nextAt = Number.NEGATIVE_INFINITY;

  constructor(run: TrainingRun, options: RunReportOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** Adds an epoch. Without a live page, the report is skipped if writing it so often took more than 5 % of the time. */
  async addEpoch(): Promise<void> {
    await this.#trying(() => this.#options.events?.add(this.#run.history.at(-1)!));
    if (this.#options.page || performance.now() >= this.#nextAt) await this.write();
  }

  /** Writes the report, at the end with all its parts. */
  async write(parts: FinalParts = {}): Promise<void> {
    const start = performance.now();
    await this.#trying(() => this.#write(reportOf(this.#run, this.#options.out, parts)));
    const end = performance.now();
    this.#nextAt = end + 19 * (end - start);
  }

  async #write(report: Report): Promise<void> {
    const { out, page } = this.#options;
    const contents = await renderContents(report);
    page?.show(pageOf(contents, { live: true }));
    await saveFile(join(out, reportFile), pageOf(contents));
  }

  async #trying(work: () => Promise<void> | undefined): Promise<void> {
    try {
      await work();
    } catch (error) {
      say(`warning: ${messageOf(error)}`);
    }
  }
}
