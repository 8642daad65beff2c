import { signWithEstimator } from '@mobinet/bnn';
import { sign } from '@mobinet/tensor';
import { drawing, element, line, type Part, palette, text } from '../lib/figure.js';
import { labels, type Network, points, train } from './circle.js';

const side = 280;

/** The points of both classes and the lines of a trained network: with the true slope of sign, and with `approx`. */
export default async function draw(): Promise<string> {
  const { network: stuck } = await train(sign);
  const { network: trained } = await train((x) => signWithEstimator(x, 'approx'));
  return drawing(
    { width: 2 * side + 60, height: side + 40 },
    panel(10, 'true slope: the lines stay where they were', stuck),
    panel(side + 50, 'approx: the lines surround the circle', trained),
  );
}

function panel(left: number, title: string, { lines }: Network): Part {
  const at = (x: number, y: number): [number, number] => [left + (side * (x + 1)) / 2, 30 + (side * (1 - y)) / 2];
  const dots = Array.from(labels.values, (inside, i) => {
    const [cx, cy] = at(points.values[2 * i], points.values[2 * i + 1]);
    return element('circle', { cx, cy, r: 2.5, fill: inside ? palette.orange : palette.blue });
  });
  const bias = lines.bias!.values;
  const drawn = Array.from(bias, (b, i) => {
    // The line w·p + b = 0: through its point that is nearest to 0, along its direction.
    const [u, v] = [lines.weight.values[2 * i], lines.weight.values[2 * i + 1]];
    const square = u * u + v * v;
    const [x, y] = [(-b * u) / square, (-b * v) / square];
    const along = 3 / Math.sqrt(square);
    return line(at(x - v * along, y + u * along), at(x + v * along, y - u * along), { 'stroke-width': 1.5 });
  });
  const frame = { x: left, y: 30, width: side, height: side };
  const id = `square-${left}`;
  return [
    text(left + side / 2, 14, title),
    element('clipPath', { id }, element('rect', frame)),
    element('g', { 'clip-path': `url(#${id})` }, dots, drawn),
    element('rect', { ...frame, fill: 'none', stroke: 'currentColor', 'stroke-opacity': 0.3 }),
  ];
}
