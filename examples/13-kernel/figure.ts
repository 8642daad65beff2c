import { Rng } from '@mobinet/tensor';
import { arrow, drawing, element, line, type Part, palette, text } from '../lib/figure.js';

// Small integers, so that the sums in the figure can be checked by head.
const rng = Rng.fromSeed(13);
const products = Array.from({ length: 10 }, () => (rng.integer(5) - 2) * (rng.integer(4) + 1));
const lanes = [palette.blue, palette.orange, palette.green, palette.pink];
const [pitch, left, cellWidth, cellHeight] = [64, 60, 54, 30];

const shown = (value: number): string => String(value).replace('-', '−');

/** A box with a number, whose center is in the given column. */
function cell(column: number, y: number, value: number, color: string, isMissing = false): Part {
  const x = left + column * pitch;
  const box = { x: x - cellWidth / 2, y: y - cellHeight / 2, width: cellWidth, height: cellHeight, rx: 4 };
  const border = { fill: color, 'fill-opacity': isMissing ? 0 : 0.25, stroke: color };
  return [
    element('rect', { ...box, ...border, ...(isMissing && { 'stroke-dasharray': '4 3' }) }),
    text(x, y, shown(value)),
  ];
}

const heading = (y: number, content: string): Part =>
  text(left - cellWidth / 2, y, content, { 'text-anchor': 'start' });

/** Every product is added to one total. */
function oneAtATime(y: number): Part {
  let total = 0;
  const steps = products.map((product, i) => {
    total += product;
    const x = left + i * pitch;
    const into = i > 0 ? arrow([x - pitch + 18, y + 74], [x - 22, y + 74]) : [];
    return [
      cell(i, y + 30, product, palette.gray),
      arrow([x, y + 46], [x, y + 62]),
      into,
      text(x, y + 74, shown(total)),
    ];
  });
  return [heading(y, `One number at a time: ${products.length} steps`), steps];
}

/** Lane l adds the products l, l + 4, l + 8, and 0 where there are none. */
function fourAtATime(y: number): Part {
  const fours = Math.ceil(products.length / 4);
  const sums = lanes.map((_, lane) => products.filter((_, i) => i % 4 === lane).reduce((sum, value) => sum + value, 0));
  const bottom = y + 30 + fours * 38;
  const rows = Array.from({ length: fours }, (_, four) =>
    lanes.map((color, lane) => {
      const i = 4 * four + lane;
      return cell(lane, y + 30 + four * 38, products[i] ?? 0, color, i >= products.length);
    }),
  );
  const total = sums.reduce((sum, value) => sum + value, 0);
  const end = left + 5.2 * pitch;
  return [
    heading(y, `Four at a time: ${fours} steps, then the sum of the four lanes`),
    rows,
    text(left + 3.6 * pitch, bottom - 38, 'the tail: 0 stands for the numbers that are missing', {
      'text-anchor': 'start',
    }),
    line([left - cellWidth / 2, bottom - 12], [left + 3 * pitch + cellWidth / 2, bottom - 12]),
    sums.map((sum, lane) => cell(lane, bottom + 12, sum, lanes[lane])),
    arrow([left + 3.6 * pitch, bottom + 12], [end - 24, bottom + 12]),
    text(end, bottom + 12, shown(total)),
  ];
}

/** A row of ten products, summed by both kernels of the chapter. */
export default function draw(): string {
  return drawing({ width: 700, height: 320 }, oneAtATime(24), fourAtATime(136));
}
