import { conv2d, type Tensor, tensor } from '@mobinet/tensor';
import { digitSize, drawDigit } from '../lib/digits.js';
import { arrow, drawing, element, type Part, palette, text } from '../lib/figure.js';
import { rowsOf } from '../lib/pictures.js';

const digit = tensor(drawDigit(2), { shape: [1, digitSize, digitSize, 1] }).slice([0, 2, 2, 0], [1, 18, 18, 1]);
const sobel = tensor([-1, 0, 1, -2, 0, 2, -1, 0, 1], { shape: [1, 3, 3, 1] });
const edges = conv2d(digit, sobel);

/** Where the window lies, and its output. */
const [row, column] = [4, 9];
const window = digit.slice([0, row, column, 0], [1, row + 3, column + 3, 1]);

/** Where a part of the figure begins, and the size of its cells. */
interface Place {
  x: number;
  y: number;
  cell: number;
}

const places = {
  digit: { x: 10, y: 40, cell: 13 },
  window: { x: 270, y: 84, cell: 40 },
  filter: { x: 420, y: 84, cell: 40 },
  edges: { x: 588, y: 53, cell: 13 },
};

/** A colored frame around some cells. */
function frame({ x, y, cell }: Place, [top, left]: readonly [number, number], size: number): Part {
  const at = { x: x + left * cell, y: y + top * cell, width: size * cell, height: size * cell };
  return element('rect', { ...at, fill: 'none', stroke: palette.green, 'stroke-width': 3 });
}

/** Positive values are drawn in one color, negative ones in another, and stronger ones less transparent. */
function cells(
  image: Tensor,
  { x, y, cell }: Place,
  [positive, negative]: readonly [string, string],
  most: number,
): Part {
  return rowsOf(image).flatMap((values, i) =>
    values.map((value, j) =>
      element('rect', {
        ...{ x: x + j * cell, y: y + i * cell, width: cell, height: cell },
        ...{ fill: value < 0 ? negative : positive, 'fill-opacity': Math.min(1, Math.abs(value) / most) },
        ...{ stroke: 'currentColor', 'stroke-opacity': 0.2 },
      }),
    ),
  );
}

/** Writes each number into its cell. */
function numbers(image: Tensor, { x, y, cell }: Place, digits: number): Part {
  return rowsOf(image).flatMap((values, i) =>
    values.map((value, j) =>
      text(x + (j + 0.5) * cell, y + (i + 0.5) * cell, value.toFixed(digits).replace('-', '−'), { 'font-size': 13 }),
    ),
  );
}

export default (): string => {
  const ink = ['currentColor', 'currentColor'] as const;
  const signs = [palette.blue, palette.orange] as const;
  const result = edges.slice([0, row, column, 0], [1, row + 1, column + 1, 1]).values[0];
  return drawing(
    { width: 780, height: 270 },
    [text(114, 20, 'image x'), text(330, 60, '9 pixels'), text(480, 60, 'filter f'), text(679, 20, 'result y')],
    [cells(digit, places.digit, ink, 1), frame(places.digit, [row, column], 3)],
    [cells(window, places.window, ink, 2), numbers(window, places.window, 2), frame(places.window, [0, 0], 3)],
    [text(405, 144, '·', { 'font-size': 28 }), cells(sobel, places.filter, signs, 6), numbers(sobel, places.filter, 0)],
    [cells(edges, places.edges, signs, 4), frame(places.edges, [row, column], 1)],
    arrow([172, 120], [264, 140], { stroke: palette.green }),
    arrow([546, 140], [702, 113], { stroke: palette.green }),
    text(405, 230, `the sum of the nine products is ${result.toFixed(2)}`),
  );
};
