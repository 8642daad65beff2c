import { chart, palette } from '../lib/figure.js';
import { agreementOfGradients, agreementOfOutputs, makeNetwork, variants } from './measure.js';

/** How much of the outputs survives a little noise, and whether the gradients of two batches agree, unit by unit. */
export default function draw(): Promise<string> {
  const names = Object.keys(variants);
  const networks = Object.values(variants).map(makeNetwork);
  const panel = (title: string, measured: readonly (readonly number[])[]) => ({
    title,
    width: 270,
    height: 220,
    data: {
      values: measured.flatMap((values, i) =>
        values.map((value, unit) => ({ skips: names[i], unit: unit + 1, value })),
      ),
    },
    mark: { type: 'line' as const, point: true, strokeWidth: 2 },
    encoding: {
      x: { field: 'unit', type: 'ordinal' as const, title: 'unit', axis: { labelAngle: 0 } },
      y: { field: 'value', type: 'quantitative' as const, title: null, scale: { domain: [-0.2, 1] } },
      color: {
        field: 'skips',
        type: 'nominal' as const,
        scale: { domain: names, range: [palette.gray, palette.pink, palette.orange, palette.blue] },
      },
    },
  });
  return chart({
    hconcat: [
      panel('outputs, with and without noise', networks.map(agreementOfOutputs)),
      panel('gradients of two batches', networks.map(agreementOfGradients)),
    ],
    spacing: 30,
    config: { legend: { orient: 'bottom' } },
  });
}
