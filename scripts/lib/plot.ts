import { saveFile } from 'mobinet';
import { parse, View } from 'vega';
import { type Config, compile, type TopLevelSpec } from 'vega-lite';
import type { Training } from './trainings.js';

/** Colors that can be told apart with red-green color blindness (Okabe and Ito, "Color Universal Design"). */
const colors = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00'];

const config: Config = {
  font: 'Helvetica, Arial, sans-serif',
  background: 'white',
  padding: 12,
  axis: { labelFontSize: 12, titleFontSize: 12, titleFontWeight: 'normal', titlePadding: 8, gridColor: '#e8e8e8' },
  // The lines of the legend are as opaque as those of the plot, and long enough to show dashes.
  legend: {
    labelFontSize: 12,
    symbolType: 'stroke',
    symbolOpacity: 1,
    symbolStrokeWidth: 2,
    symbolSize: 500,
    labelLimit: 300,
  },
  title: { fontSize: 14, anchor: 'start', frame: 'group' },
  view: { stroke: null },
};

const size = { width: 330, height: 220 };
const top1 = { field: 'top1', type: 'quantitative', title: 'validation top-1 (%)', scale: { zero: false } } as const;

/** A line of a plot: the mean over its trainings. */
export interface PlottedLine {
  readonly label: string;
  readonly trainings: readonly Training[];
  readonly dashed?: boolean;
}

/** A plot, alone or in a grid. */
type Panel = Extract<TopLevelSpec, { layer: unknown }>;

/** Top-1 after each epoch: for each line the mean over its trainings, in a band from the lowest to the highest. */
export function curves(title: string, lines: readonly PlottedLine[]): Panel {
  const labels = lines.map(({ label }) => label);
  return {
    ...size,
    title,
    data: {
      values: lines.flatMap(({ label, trainings }) =>
        trainings.flatMap(({ history }) => history.map(({ epoch, top1 }) => ({ label, epoch, top1 }))),
      ),
    },
    encoding: {
      x: { field: 'epoch', type: 'quantitative', axis: { tickMinStep: 1, grid: false }, scale: { nice: false } },
      color: { field: 'label', type: 'nominal', title: null, scale: { domain: labels, range: colors } },
    },
    layer: [
      {
        mark: { type: 'area', opacity: 0.15 },
        encoding: { y: { ...top1, aggregate: 'min' }, y2: { field: 'top1', aggregate: 'max' } },
      },
      {
        mark: { type: 'line', point: { size: 18 } },
        encoding: {
          y: { ...top1, aggregate: 'mean' },
          strokeDash: {
            field: 'label',
            type: 'nominal',
            title: null,
            scale: { domain: labels, range: lines.map(({ dashed }) => (dashed ? [6, 4] : [1, 0])) },
          },
        },
      },
    ],
  };
}

/**
 * Top-1 after the last epoch against a number: a point for each training, and a line through their means.
 * @param axis The title of the horizontal axis, whose values are the labels of the lines.
 */
export function lastAgainst(title: string, axis: string, lines: readonly PlottedLine[]): Panel {
  return {
    ...size,
    title,
    data: {
      values: lines.flatMap(({ label, trainings }) => trainings.map(({ result: { top1 } }) => ({ label, top1 }))),
    },
    encoding: { x: { field: 'label', type: 'ordinal', title: axis, axis: { labelAngle: 0 } } },
    layer: [
      { mark: { type: 'line', color: colors[0] }, encoding: { y: { ...top1, aggregate: 'mean' } } },
      { mark: { type: 'point', filled: true, color: colors[0], size: 40, opacity: 1 }, encoding: { y: top1 } },
    ],
  };
}

/** Arranges panels in two columns. Each has colors of its own and its legend below it. */
export const grid = (panels: Panel[]): TopLevelSpec => ({
  concat: panels,
  columns: 2,
  spacing: 30,
  resolve: { scale: { color: 'independent', strokeDash: 'independent' } },
  config: { legend: { orient: 'bottom', columns: 2 } },
});

/** Renders a plot to an SVG file, without a browser. */
export async function writePlot(file: string, spec: TopLevelSpec): Promise<void> {
  const { spec: drawing } = compile(spec, { config });
  const view = new View(parse(drawing), { renderer: 'none' });
  await saveFile(file, `${await view.toSVG()}\n`);
  console.error(`wrote ${file}`);
}
