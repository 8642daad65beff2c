import { histogramChart } from './charts.js';
import { drawChart } from './draw-chart.js';
import { details, type Html, html, table } from './html.js';
import { layerName, short, whole } from './numbers.js';
import { histogram, type LayerValues, type Weights } from './weight-values.js';

/** Histograms of the scaling factors and of the PReLU slopes. */
export async function weightsSection({ scalingFactors, slopes }: Weights): Promise<Html | null> {
  const kinds = [
    {
      layers: scalingFactors,
      title: 'Scaling factors α',
      axis: 'α',
      description: 'The mean of |w| over the latent weights of each binary filter.',
    },
    {
      layers: slopes,
      title: 'PReLU slopes',
      axis: 'slope',
      description: 'The factor of negative values in each channel. All start at 0.25.',
    },
  ].filter(({ layers }) => layers.length > 0);
  if (kinds.length === 0) return null;
  const charts = await Promise.all(
    kinds.map(({ layers, title, axis, description }) =>
      drawChart(histogramChart(histogram(joined(layers)), axis), {
        title,
        description,
        caption: html`<p class="legend">${description}</p>`,
      }),
    ),
  );
  const tables = kinds.map(({ layers, title }) => details(`${title} as a table`, layerTable(title, layers)));
  return html`<section><h2>Scaling factors and slopes</h2>
<div class="charts">${charts}</div>
${tables}</section>
`;
}

function joined(layers: readonly LayerValues[]): Float32Array {
  return Float32Array.from(layers.flatMap(({ values }) => Array.from(values)));
}

function layerTable(title: string, layers: readonly LayerValues[]): Html {
  return table(
    `${title} of all layers`,
    ['layer', 'channels', 'least', 'median', 'largest'],
    layers.map(({ layer, values }) => {
      const sorted = values.slice().sort();
      const [least, median, largest] = [0, (sorted.length - 1) >> 1, sorted.length - 1].map((at) => short(sorted[at]));
      return [layerName(layer), whole(sorted.length), least, median, largest];
    }),
  );
}
