import { arrow, drawing, element, line, type Part, palette, text } from '../lib/figure.js';

const [width, height] = [108, 44];
const [left, step] = [10, 140];
const [top, bottom] = [20, 130];
type Point = readonly [x: number, y: number];

/** The forward pass of a binary layer, and the three paths on which gradients return, to x and to W. */
export default function draw(): string {
  const [x, signX, convolution, product, y] = [0, 1, 2, 3, 4].map((column) => [left + column * step, top] as const);
  const [w, signW, alpha] = [1, 2, 3].map((column) => [left + column * step, bottom] as const);
  const below = bottom + height + 28;
  return drawing(
    { width: left * 2 + 4 * step + width, height: 300 },
    [
      box(x, 'x', 'floats'),
      box(signX, 'sign(x)', 'bits'),
      box(convolution, '∗', 'counts'),
      box(product, '·', 'floats'),
    ],
    [
      box(y, 'y', 'floats'),
      box(w, 'W', 'latent floats'),
      box(signW, 'sign(W)', 'bits'),
      box(alpha, 'α = mean|W|', 'one per filter'),
    ],
    [across(x, signX), across(signX, convolution), across(convolution, product), across(product, y), across(w, signW)],
    [up(signW, convolution), up(alpha, product)],
    corner([w[0] + 40, bottom + height], [alpha[0] + 64, bottom + height], below + 8, {}),
    [
      back(y, product, 'gray'),
      back(product, convolution, 'gray'),
      back(convolution, signX, 'blue'),
      back(signX, x, 'blue'),
    ],
    [down(convolution, signW, 'orange'), back(signW, w, 'orange'), down(product, alpha, 'green')],
    corner([alpha[0] + 50, bottom + height], [w[0] + 54, bottom + height], below - 6, dashed('green')),
    [
      ['blue', 'the gradient of x, by the slope of the estimator (2)'],
      ['orange', 'the gradient of W through its signs (5)'],
      ['green', 'the gradient of W through α (5)'],
    ].map(([color, label], i) => legend(230 + 24 * i, color as Color, label)),
  );
}

type Color = keyof typeof palette;

const dashed = (color: Color) => ({ stroke: palette[color], 'stroke-width': 2, 'stroke-dasharray': '5 3' });

const box = ([x, y]: Point, title: string, kind: string): Part => [
  element('rect', { x, y, width, height, rx: 6, fill: 'none', stroke: 'currentColor' }),
  text(x + width / 2, y + 16, title),
  text(x + width / 2, y + 33, kind, { 'font-size': 11 }),
];

/** Arrows between neighbors: forward ones on the left or above, gradients beside them in the other direction. */
const across = (from: Point, to: Point): Part => arrow([from[0] + width, from[1] + 14], [to[0], to[1] + 14]);
const back = (from: Point, to: Point, color: Color): Part =>
  arrow([from[0], from[1] + 30], [to[0] + width, to[1] + 30], dashed(color));
const up = (from: Point, to: Point): Part => arrow([from[0] + 40, from[1]], [to[0] + 40, to[1] + height]);
const down = (from: Point, to: Point, color: Color): Part =>
  arrow([from[0] + 64, from[1] + height], [to[0] + 64, to[1]], dashed(color));

/** An arrow down from one point to the height `y`, across, and up to the other point. */
const corner = (from: Point, to: Point, y: number, attributes: Record<string, string | number>): Part =>
  element('path', {
    ...{ d: `M${from[0]},${from[1]}V${y}H${to[0]}V${to[1]}`, fill: 'none', stroke: 'currentColor' },
    ...{ 'marker-end': 'url(#arrow)', ...attributes },
  });

const legend = (y: number, color: Color, label: string): Part => [
  line([left + step, y], [left + step + 40, y], dashed(color)),
  text(left + step + 52, y, label, { 'text-anchor': 'start' }),
];
