import type { Config, TopLevelSpec } from 'vega-lite';
import type { HistogramBar } from './weight-values.js';

/** The width of a chart in pixels: about that of a phone, so that text keeps its size on all screens. */
export const chartWidth = 370;

/** Colors are those of the page (style.ts), so that one drawing serves light and dark. */
export const chartConfig: Config = {
  aria: false,
  background: 'transparent',
  padding: 4,
  view: { stroke: null },
  axis: {
    domain: false,
    ticks: false,
    gridColor: 'var(--rule)',
    labelColor: 'var(--muted)',
    titleColor: 'var(--muted)',
    labelFontSize: 11,
    titleFontSize: 11,
    titleFontWeight: 'normal',
    labelPadding: 6,
    titlePadding: 8,
  },
};

const frame = { width: chartWidth, autosize: { type: 'fit', contains: 'padding' } } as const;

/** A curve over epochs. Epochs without a value leave a gap. */
export interface Curve {
  readonly label: string;
  /** A color of the page. */
  readonly color: string;
  readonly values: readonly { readonly epoch: number; readonly value: number | null | undefined }[];
}

/** Options of `curveChart`. */
export interface CurveChartOptions {
  readonly title: string;
  /** In pixels. Default: 210. */
  readonly height?: number;
  /** Whether the vertical axis starts at 0. */
  readonly zero?: boolean;
  /** An epoch to mark. */
  readonly marked?: number | undefined;
}

/** Curves over epochs. */
export function curveChart(curves: readonly Curve[], options: CurveChartOptions): TopLevelSpec {
  const { title, height = 210, zero = false, marked } = options;
  const values = curves.flatMap(({ label, values }) =>
    values.map((point) => ({ label, ...point, value: point.value ?? null })),
  );
  const last = Math.max(2, ...values.map(({ epoch }) => epoch));
  // A few epochs are shown as points, too: a line through one of them would be invisible.
  const point = last <= 40 && { filled: true, size: 22 };
  const color = {
    field: 'label',
    type: 'nominal',
    legend: null,
    scale: { domain: curves.map(({ label }) => label), range: curves.map(({ color }) => color) },
  } as const;
  return {
    ...frame,
    height,
    data: { values },
    encoding: {
      x: {
        field: 'epoch',
        type: 'quantitative',
        title: 'epoch',
        scale: { domain: [1, last], nice: false },
        axis: { tickMinStep: 1, tickCount: 6, format: 'd', grid: false },
      },
    },
    layer: [
      {
        data: { values: marked === undefined ? [] : [{ epoch: marked }] },
        mark: { type: 'rule', color: 'var(--muted)', strokeDash: [2, 3] },
      },
      {
        mark: { type: 'line', strokeWidth: 1.75, strokeJoin: 'round', point },
        encoding: {
          y: { field: 'value', type: 'quantitative', title, scale: { zero }, axis: { tickCount: height / 40 } },
          color,
        },
      },
    ],
  };
}

/** A row of a chart whose rows are layers. */
export interface LayerRow {
  readonly layer: string;
}

const rowHeight = 15;

/** The axis of layers, in their order. */
const layers = {
  field: 'layer',
  type: 'nominal',
  sort: null,
  title: null,
  axis: { labelFontSize: 10, labelLimit: 150 },
} as const;

const heightOf = (rows: readonly LayerRow[]): number => rowHeight * new Set(rows.map(({ layer }) => layer)).size + 42;

/** Shades of one color: for each layer, a share of its weights in each group of epochs. */
export function layerStrips(
  rows: readonly (LayerRow & { readonly from: number; readonly to: number; readonly share: number })[],
): TopLevelSpec {
  const first = Math.min(...rows.map(({ from }) => from));
  const last = Math.max(...rows.map(({ to }) => to));
  return {
    ...frame,
    height: heightOf(rows),
    data: { values: rows },
    mark: { type: 'rect', color: 'var(--accent)' },
    encoding: {
      x: {
        field: 'from',
        type: 'quantitative',
        title: 'epoch',
        scale: { domain: [first, last], nice: false },
        axis: { tickMinStep: 1, tickCount: 6, format: 'd', grid: false },
      },
      x2: { field: 'to' },
      y: layers,
      // The shares of the first epochs are often ten times those of later ones, whose differences matter, too.
      opacity: {
        field: 'share',
        type: 'quantitative',
        legend: null,
        scale: { type: 'sqrt', zero: true, range: [0.03, 1] },
      },
    },
  };
}

/** A point for each layer, and a line at half. */
export function layerShares(rows: readonly (LayerRow & { readonly share: number })[], title: string): TopLevelSpec {
  const farthest = Math.max(0.05, ...rows.map(({ share }) => Math.abs(share - 0.5)));
  const domain = [0.5 - farthest, 0.5 + farthest];
  return {
    ...frame,
    height: heightOf(rows),
    data: { values: rows },
    encoding: { y: { ...layers, axis: { ...layers.axis, grid: true } } },
    layer: [
      {
        data: { values: [{ half: 0.5 }] },
        mark: { type: 'rule', color: 'var(--muted)' },
        encoding: { x: { field: 'half', type: 'quantitative' }, y: { value: 0 }, y2: { value: 'height' } },
      },
      {
        mark: { type: 'circle', color: 'var(--accent)', opacity: 1, size: 36 },
        encoding: {
          x: {
            field: 'share',
            type: 'quantitative',
            title,
            scale: { domain, nice: true, zero: false },
            axis: { tickCount: 5, format: '.0%', grid: false },
          },
        },
      },
    ],
  };
}

/** A histogram. */
export function histogramChart(bars: readonly HistogramBar[], title: string): TopLevelSpec {
  return {
    ...frame,
    height: 170,
    data: { values: bars },
    mark: { type: 'rect', color: 'var(--accent)' },
    encoding: {
      x: {
        field: 'from',
        type: 'quantitative',
        title,
        scale: { domain: [bars[0].from, bars[bars.length - 1].to], nice: false },
        axis: { tickCount: 6, format: '~g', grid: false },
      },
      x2: { field: 'to' },
      y: {
        field: 'count',
        type: 'quantitative',
        title: 'channels',
        axis: { tickCount: 4, format: 'd', tickMinStep: 1 },
      },
      y2: { datum: 0 },
    },
  };
}
