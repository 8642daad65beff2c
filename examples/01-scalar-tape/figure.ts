import { arrow, drawing, element, type Part, palette, text } from '../lib/figure.js';
import { Value } from './value.js';

/** The graph of y = a·b + tanh(a), with the values of the forward pass and the derivatives of the backward pass. */
export default function draw(): string {
  const a = new Value(0.5);
  const b = new Value(-2);
  const u = a.mul(b);
  const v = a.tanh();
  const y = u.add(v);
  y.backward();

  const nodes: readonly Node[] = [
    { value: a, label: 'a', at: [90, 75] },
    { value: b, label: 'b', at: [90, 215] },
    { value: v, label: 'v = tanh(a)', at: [330, 75] },
    { value: u, label: 'u = a·b', at: [330, 215] },
    { value: y, label: 'y = u + v', at: [570, 145] },
  ];
  const placeOf = new Map(nodes.map(({ value, at }) => [value, at]));
  const edges = nodes.flatMap(({ value, at }) =>
    value.inputs.map((input, i) => drawEdge(placeOf.get(input)!, at, value.slopes[i])),
  );
  return drawing(
    { width: 660, height: 265 },
    text(20, 20, 'forward: values', { fill: palette.blue, 'text-anchor': 'start' }),
    text(640, 20, 'backward: derivatives dy/d…', { fill: palette.orange, 'text-anchor': 'end' }),
    edges,
    nodes.map(drawNode),
  );
}

interface Node {
  readonly value: Value;
  readonly label: string;
  readonly at: readonly [x: number, y: number];
}

const boxWidth = 130;

function drawNode({ value, label, at: [x, y] }: Node): Part {
  return [
    element('rect', {
      x: x - boxWidth / 2,
      y: y - 36,
      width: boxWidth,
      height: 72,
      rx: 8,
      fill: 'none',
      stroke: 'currentColor',
    }),
    text(x, y - 20, label, { 'font-weight': 'bold' }),
    text(x, y + 2, number(value.data), { fill: palette.blue }),
    text(x, y + 22, number(value.gradient), { fill: palette.orange }),
  ];
}

/** An arrow from an input to what was computed from it, labeled with the slope. */
function drawEdge([x1, y1]: Node['at'], [x2, y2]: Node['at'], slope: number): Part {
  const from = [x1 + boxWidth / 2, y1] as const;
  const to = [x2 - boxWidth / 2, y2] as const;
  // A label a third of the way along keeps clear of other edges. It is above a flat edge, and beside a steep one.
  const [x, y] = [from[0] + (to[0] - from[0]) / 3, from[1] + (to[1] - from[1]) / 3];
  const isSteep = Math.abs(to[1] - from[1]) > Math.abs(to[0] - from[0]);
  const label = isSteep ? ([x + 22, y] as const) : ([x, y - 13] as const);
  return [arrow(from, to), text(...label, `×${number(slope)}`, { 'font-size': 12 })];
}

const number = (value: number): string => String(Number(value.toFixed(4))).replace('-', '−');
