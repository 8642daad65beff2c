import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import type { NetworkSummary } from '../model/summary.js';
import type { EpochMetrics } from '../training/run.js';
import type { StepReport } from '../training/train.js';

/** Results go to stdout; everything that is said on the way goes to stderr. */
export function printResult(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  printResult(JSON.stringify(value));
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** A table without vertical lines; columns of numbers to the right. */
export function formatTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const table = new Table({
    head: [...head],
    colAligns: head.map((_, column) => (rows.every((row) => /^[\d.,%–-]/.test(String(row[column]))) ? 'right' : 'left')),
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '', left: '', right: '', middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  table.push(...rows.map((row) => row.map(String)));
  return table.toString();
}

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
    count(layer.savedBytes),
  ]);
  const head = ['layer', 'kind', 'input', 'output', 'bits', 'floats', 'binary M', 'float M', 'bytes'];
  return [
    formatTable(head, rows),
    `parameters   ${count(total.parameters)} (${count(total.binaryParameters)} binary, ${count(total.floatParameters)} float)`,
    `FLOPs        ${millions(total.flops)} M = ${millions(total.floatMultiplyAdds)} M float + ${millions(total.binaryMultiplyAdds)} M binary / 64`,
    `saved size   ${count(total.savedBytes)} bytes`,
  ].join('\n');
}

export function formatMetrics({ epoch, trainLoss, valLoss, top1, top5, imagesPerSecond }: EpochMetrics): string {
  return (
    `epoch ${epoch}: training loss ${trainLoss.toFixed(4)}, validation loss ${valLoss.toFixed(4)}, ` +
    `top-1 ${top1.toFixed(2)} %, top-5 ${top5.toFixed(2)} % (${imagesPerSecond.toFixed(0)} images/s)`
  );
}

/** A bar for each epoch, and a line when it is done. Where stderr is no terminal there are only the lines. */
export class TrainingProgress {
  readonly #bar = new SingleBar(
    {
      format: 'epoch {epoch}/{epochs} [{bar}] {value}/{total} images  loss {loss}  {rate} images/s  {eta_formatted} left',
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      barsize: 24,
    },
  );
  #isRunning = false;

  onStep = (report: StepReport): void => {
    const payload = {
      epoch: report.epoch,
      epochs: report.epochs,
      loss: report.loss.toFixed(4),
      rate: report.imagesPerSecond.toFixed(0),
    };
    if (this.#isRunning) this.#bar.update(report.images, payload);
    else this.#bar.start(report.imagesPerEpoch, report.images, payload);
    this.#isRunning = true;
  };

  onEpoch = (metrics: EpochMetrics): void => {
    this.stop();
    say(formatMetrics(metrics));
  };

  onWarning = (message: string): void => {
    this.stop();
    say(`warning: ${message}`);
  };

  /** Takes the bar away, so that lines can be printed. */
  stop(): void {
    if (this.#isRunning) this.#bar.stop();
    this.#isRunning = false;
  }
}

const count = (value: number): string => value.toLocaleString('en-US');
const millions = (value: number): string => (value / 1e6).toFixed(2);
