import type { Tensor } from '@mobinet/tensor';
import { heatMap, type Interval } from './chart.js';

/** The rows of an image with one channel, [1, height, width, 1]. */
export function rowsOf({ values, shape: [, height, width] }: Tensor): number[][] {
  return Array.from({ length: height }, (_, row) => [...values.subarray(row * width, (row + 1) * width)]);
}

/** An image with one channel as text. @param range The values that are shown as blank and as █. */
export const picture = (image: Tensor, range: Interval = [0, 1]): string => heatMap(rowsOf(image), { range });

/** Puts texts of several lines next to each other, each under its title. */
export function sideBySide(texts: Readonly<Record<string, string>>): string {
  const columns = Object.entries(texts).map(([title, text]) => {
    const lines = [title, ...text.split('\n')];
    return { lines, width: Math.max(...lines.map(({ length }) => length)) + 2 };
  });
  const height = Math.max(...columns.map(({ lines }) => lines.length));
  const row = (at: number): string => columns.map(({ lines, width }) => (lines[at] ?? '').padEnd(width)).join('');
  return Array.from({ length: height }, (_, at) => row(at).trimEnd()).join('\n');
}
