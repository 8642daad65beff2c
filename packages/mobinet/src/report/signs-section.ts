import type { EpochMetrics } from '../training/run.js';
import type { SignChanges } from '../training/signs.js';
import { curveChart, layerShares, layerStrips } from './charts.js';
import { drawChart } from './draw-chart.js';
import { details, type Html, html, table } from './html.js';
import { layerName, percent, whole } from './numbers.js';

/** More columns than this could not be told apart. */
const mostColumns = 60;

/** How the signs of the binary weights change from epoch to epoch. */
export async function signsSection(history: readonly EpochMetrics[]): Promise<Html | null> {
  const epochs = history.flatMap(({ epoch, signs }) => (signs ? [{ epoch, layers: Object.entries(signs) }] : []));
  const last = epochs.at(-1)?.layers ?? [];
  if (last.length === 0) return null;
  const totals = epochs.map(({ epoch, layers }) => ({
    epoch,
    value: percentFlipped(layers.map(([, changes]) => changes)),
  }));
  const strips = stripsOf(epochs);
  const largest = Math.max(0, ...strips.map(({ share }) => share));
  const rows = last.map(([layer, { weights, negative }]) => ({ layer: layerName(layer), share: negative / weights }));
  const charts = [
    await drawChart(
      curveChart([{ label: 'flipped', color: 'var(--accent)', values: totals }], {
        title: '% of all weights',
        zero: true,
      }),
      {
        title: 'Signs flipped per epoch',
        description: `In the last epoch, ${shareText(totals.at(-1)?.value)} of all binary weights changed their sign.`,
      },
    ),
    strips.length > 0 &&
      (await drawChart(layerStrips(strips), {
        title: 'Signs flipped, by layer',
        description: 'The share of the weights of each layer that changed their sign in each epoch.',
        caption: html`<p class="legend scale">0 % <i></i> ${percent(largest)}, on a square-root scale</p>`,
      })),
    await drawChart(layerShares(rows, 'weights that are −1'), {
      title: 'Sign balance, by layer',
      description: 'The share of the weights of each layer that are −1 after the last epoch. Half is balanced.',
    }),
  ];
  return html`<section><h2>Signs of the binary weights</h2>
<p class="note">A binary weight learns only by changing its sign. A flip rate that falls to almost nothing means that
training has settled, or that the learning rate is too small to move latent weights across 0; one that stays high means
that signs flicker.</p>
<div class="charts">${charts}</div>
${details('All layers as a table', layerTable(last))}</section>
`;
}

const shareText = (value: number | null | undefined): string => percent(value == null ? null : value / 100);

/** The share of weights that flipped, in percent; null if it is not known. */
function percentFlipped(layers: readonly SignChanges[]): number | null {
  let [flipped, weights] = [0, 0];
  for (const layer of layers) {
    if (layer.flipped === null) return null;
    flipped += layer.flipped;
    weights += layer.weights;
  }
  return (100 * flipped) / weights;
}

interface SignEpoch {
  readonly epoch: number;
  readonly layers: readonly (readonly [string, SignChanges])[];
}

/** The share of weights that flipped, by layer and epoch. With many epochs, the mean over groups of them. */
function stripsOf(epochs: readonly SignEpoch[]) {
  const perColumn = Math.ceil(epochs.length / mostColumns);
  const columns = Array.from({ length: Math.ceil(epochs.length / perColumn) }, (_, column) =>
    epochs.slice(column * perColumn, (column + 1) * perColumn),
  );
  return columns.flatMap((group) => {
    const [from, to] = [group[0].epoch - 0.5, group[group.length - 1].epoch + 0.5];
    return group[0].layers.flatMap(([layer], at) => {
      const value = percentFlipped(group.map(({ layers }) => layers[at][1]));
      return value === null ? [] : [{ layer: layerName(layer), from, to, share: value / 100 }];
    });
  });
}

function layerTable(layers: SignEpoch['layers']): Html {
  return table(
    'Signs of all layers after the last epoch',
    ['layer', 'binary weights', 'flipped in the last epoch', '−1'],
    layers.map(([layer, { weights, negative, flipped }]) => [
      layerName(layer),
      whole(weights),
      percent(flipped === null ? null : flipped / weights),
      percent(negative / weights),
    ]),
  );
}
