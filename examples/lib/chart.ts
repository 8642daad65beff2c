/**
 * Charts of text, for the terminal and for pages that show what a chapter prints. None of them ends in a line break.
 */

const bars = '▁▂▃▄▅▆▇█';
const shades = ' ░▒▓█';

/** The smallest and the largest of some numbers. */
export function extent(values: readonly number[]): Interval {
  return [Math.min(...values), Math.max(...values)];
}

/** The lower and the upper end of an axis. */
export type Interval = readonly [low: number, high: number];

/** One line of bars: the lowest value is ▁, the highest █. */
export function sparkline(values: readonly number[]): string {
  const [low, high] = extent(values);
  return values.map((value) => bars[step(value, [low, high], bars.length)]).join('');
}

/**
 * A grid of numbers as shades of gray, darkest for the highest. The first row is at the top. Each cell is two characters
 * wide, which makes it about square.
 *
 * @param options.range The numbers that are shown as blank and as █. Default: the smallest and the largest in the grid.
 * @param options.mark What to show in place of the shade of a cell: one or two characters, or undefined.
 */
export function heatMap(
  rows: readonly (readonly number[])[],
  { range = extent(rows.flat()), mark = () => undefined }: HeatMapOptions = {},
): string {
  const cell = (value: number, row: number, column: number): string =>
    mark(row, column)?.padEnd(2) ?? shades[step(value, range, shades.length)].repeat(2);
  return rows.map((values, row) => values.map((value, column) => cell(value, row, column)).join('')).join('\n');
}

export interface HeatMapOptions {
  readonly range?: Interval;
  readonly mark?: (row: number, column: number) => string | undefined;
}

/** Points of a plot, each of which is drawn as one character. */
export interface Points {
  readonly mark: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/**
 * Points in a frame, with the ends of both axes. Later points cover earlier ones, and those outside the axes are left
 * out.
 *
 * @param options.x The ends of the horizontal axis. Default: the smallest and the largest x.
 * @param options.y The ends of the vertical axis. Default: the smallest and the largest y.
 * @param options.width The width of the frame in characters. Default 60.
 * @param options.height The height of the frame in lines. Default 15.
 */
export function plot(series: readonly Points[], { width = 60, height = 15, ...axes }: PlotOptions = {}): string {
  const all = series.flatMap(({ points }) => points);
  const { x = extent(all.map(([x]) => x)), y = extent(all.map(([, y]) => y)) } = axes;
  const grid = Array.from({ length: height }, () => new Array<string>(width).fill(' '));
  for (const { mark, points } of series)
    for (const point of points) {
      if (!isInside(point[0], x) || !isInside(point[1], y)) continue;
      grid[height - 1 - nearest(point[1], y, height)][nearest(point[0], x, width)] = mark;
    }
  const [low, high] = y.map(label);
  const margin = Math.max(low.length, high.length);
  const labels = grid.map((_, row) => (row === 0 ? high : row === height - 1 ? low : '').padStart(margin));
  const [left, right] = x.map(label);
  return [
    ...grid.map((cells, row) => `${labels[row]} │${cells.join('')}`.trimEnd()),
    `${' '.repeat(margin)} └${'─'.repeat(width)}`,
    `${' '.repeat(margin + 2)}${left}${right.padStart(width - left.length)}`,
  ].join('\n');
}

export interface PlotOptions {
  readonly x?: Interval;
  readonly y?: Interval;
  readonly width?: number;
  readonly height?: number;
}

/** Up to three decimals, with a minus sign. */
const label = (value: number): string => String(Number(value.toFixed(3))).replace('-', '−');

const isInside = (value: number, [low, high]: Interval): boolean => value >= low && value <= high;

/** Where a value lies between the ends of an axis, from 0 to 1. */
const share = (value: number, [low, high]: Interval): number =>
  high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0;

/** Divides an axis into `count` equal steps: the number of the step that a value is in. */
const step = (value: number, range: Interval, count: number): number =>
  Math.min(count - 1, Math.floor(share(value, range) * count));

/** The nearest of `count` places, the first and the last of which are the ends of the axis. */
const nearest = (value: number, range: Interval, count: number): number =>
  Math.round(share(value, range) * (count - 1));
