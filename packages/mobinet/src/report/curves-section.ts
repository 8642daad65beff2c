import { bestEpoch } from '../training/best.js';
import type { EpochMetrics } from '../training/run.js';
import { type Curve, curveChart } from './charts.js';
import { drawChart, legend } from './draw-chart.js';
import { details, type Html, html, table } from './html.js';
import { fixed, short } from './numbers.js';
import type { Curves } from './report.js';

const training = { label: 'training', color: 'var(--train)' } as const;
const validation = { label: 'validation', color: 'var(--val)' } as const;
/** Two charts that fit beside a whole one. */
const low = { height: 112, zero: true };

const single = { label: 'value', color: 'var(--accent)' } as const;

/** Loss, accuracy, learning rate and speed over the epochs. */
export async function curvesSection({ history, labelSmoothing, mixup }: Curves): Promise<Html | null> {
  if (history.length === 0) return null;
  const curve = (style: Pick<Curve, 'label' | 'color'>, value: (epoch: EpochMetrics) => number | undefined): Curve => ({
    ...style,
    values: history.map((metrics) => ({ epoch: metrics.epoch, value: value(metrics) })),
  });
  const marked = bestEpoch(history)?.epoch;
  const both = legend([training, validation]);
  const charts = [
    await drawChart(
      curveChart(
        [curve(training, ({ trainCrossEntropy }) => trainCrossEntropy), curve(validation, ({ valLoss }) => valLoss)],
        { title: 'nats', marked },
      ),
      {
        title: 'Cross-entropy',
        description: `${lastOf(history)} The dotted line marks the best epoch.`,
        caption: both,
      },
    ),
    await drawChart(
      curveChart([curve(training, ({ trainTop1 }) => trainTop1), curve(validation, ({ top1 }) => top1)], {
        title: '%',
        marked,
      }),
      {
        title: 'Top-1 accuracy',
        description: `${lastOf(history)} The dotted line marks the best epoch.`,
        caption: both,
      },
    ),
    html`<div class="stack">${[
      await drawChart(curveChart([curve(single, ({ learningRate }) => learningRate)], { title: 'rate', ...low }), {
        title: 'Learning rate',
        description: `Of the last step of each epoch, at the end ${short(history[history.length - 1].learningRate)}.`,
      }),
      await drawChart(
        curveChart([curve(single, ({ imagesPerSecond }) => imagesPerSecond)], { title: 'images/s', ...low }),
        {
          title: 'Training speed',
          description: 'Images per second in training, without validation.',
        },
      ),
    ]}</div>`,
  ];
  return html`<section><h2>Training</h2>
<p class="note">${explanation(labelSmoothing, mixup)}</p>
<div class="charts">${charts}</div>
${details('All epochs as a table', epochTable(history))}</section>
`;
}

function lastOf(history: readonly EpochMetrics[]): string {
  const { epoch, trainCrossEntropy, trainTop1, valLoss, top1 } = history[history.length - 1];
  return (
    `In epoch ${epoch}, cross-entropy is ${fixed(trainCrossEntropy, 4)} in training and ${fixed(valLoss, 4)} in ` +
    `validation, top-1 accuracy ${fixed(trainTop1, 2)} % and ${fixed(top1, 2)} %.`
  );
}

function explanation(labelSmoothing: number, mixup: number): string {
  const same =
    labelSmoothing > 0
      ? `Both curves show the plain cross-entropy. Training minimizes it with a label smoothing of ${labelSmoothing}, ` +
        'which is listed in the table as objective.'
      : 'Both curves show the same cross-entropy.';
  return (
    `${same} Training is measured while the network learns, on augmented images and with the statistics of each batch, ` +
    'so it may be worse than validation.' +
    (mixup > 0 ? ' Its images are mixed in pairs, which no network can tell apart with certainty.' : '')
  );
}

function epochTable(history: readonly EpochMetrics[]): Html {
  const hasTop5 = history.some(({ top5 }) => top5 !== null);
  const top5 = <T>(cell: T): T[] => (hasTop5 ? [cell] : []);
  return table(
    'Measurements of all epochs',
    [
      'epoch',
      'objective',
      'training loss',
      'validation loss',
      'training top-1 %',
      'validation top-1 %',
      ...top5('validation top-5 %'),
      'learning rate',
      'images/s',
      'seconds',
    ],
    history.map((epoch) => [
      epoch.epoch,
      fixed(epoch.trainLoss, 4),
      fixed(epoch.trainCrossEntropy, 4),
      fixed(epoch.valLoss, 4),
      fixed(epoch.trainTop1, 2),
      fixed(epoch.top1, 2),
      ...top5(fixed(epoch.top5, 2)),
      short(epoch.learningRate),
      fixed(epoch.imagesPerSecond, epoch.imagesPerSecond < 10 ? 1 : 0),
      fixed(epoch.seconds, 1),
    ]),
  );
}
