import { type Shape, type Tensor, tidy } from '@mobinet/tensor';
import { disposeProgram, trace } from '@mobinet/tensor/kernels';
import { arrow, drawing, element, type Part, palette, text } from '../lib/figure.js';
import residual from '../networks/residual.js';

const [pitch, boxWidth, boxHeight, middle] = [88, 66, 56, 96];
const [imageSize, classes] = [28, 10];

/** The shapes of the outputs of all convolutions of 3×3, the float one first. */
function convolutions(): Shape[] {
  return tidy(() => {
    const network = residual.make(residual.resolve({ width: 16, imageSize, classes })).eval();
    const image = { dtype: 'f32', shape: [1, imageSize, imageSize, 3] } as const;
    const program = trace((x) => network.forward(x as Tensor), [image]);
    const calls = program.calls.filter(({ inputs: [, filter] }) => program.values[filter]?.shape[1] === 3);
    const shapes = calls.map(({ outputs: [output] }) => program.values[output].shape.slice(1));
    disposeProgram(program);
    return shapes;
  });
}

const center = (index: number): number => 50 + index * pitch;

function box(index: number, color: string, lines: readonly string[], below: Shape | number): Part {
  const x = center(index);
  const frame = { x: x - boxWidth / 2, y: middle - boxHeight / 2, width: boxWidth, height: boxHeight, rx: 6 };
  return [
    element('rect', { ...frame, fill: color, 'fill-opacity': 0.25, stroke: color }),
    lines.map((content, row) => text(x, middle + 18 * (row - (lines.length - 1) / 2), content, { 'font-size': 12 })),
    text(x, middle + boxHeight / 2 + 14, [below].flat().join('×'), { 'font-size': 11 }),
  ];
}

/** The way around a block. Where the shape changes, it has layers of its own. */
function shortcut(index: number, shrinks: boolean): Part {
  const [from, to, top] = [center(index) - pitch / 2, center(index) + pitch / 2 - 8, 40];
  const d = `M${from},${middle}V${top + 8}Q${from},${top} ${from + 8},${top}H${to - 8}Q${to},${top} ${to},${top + 8}V${middle}`;
  return [
    element('path', { d, fill: 'none', stroke: palette.green, 'stroke-width': 1.5 }),
    shrinks ? text(center(index), 26, 'pool, 1×1', { 'font-size': 11, fill: palette.green }) : [],
  ];
}

/** The network of the chapter, with the shape of what each box makes. */
export default function draw(): string {
  const [stem, ...blocks] = convolutions();
  const last = blocks.length + 2;
  return drawing(
    { width: center(last) + 50, height: 160 },
    box(0, palette.gray, ['image'], [imageSize, imageSize, 3]),
    box(1, palette.blue, ['float', 'conv 3×3'], stem),
    blocks.map((shape, k) => box(k + 2, palette.orange, ['binary', 'conv 3×3'], shape)),
    box(last, palette.blue, ['pool', 'linear'], classes),
    Array.from({ length: last }, (_, k) =>
      arrow([center(k) + boxWidth / 2, middle], [center(k + 1) - boxWidth / 2, middle]),
    ),
    blocks.map((shape, k) => shortcut(k + 2, shape[0] !== [stem, ...blocks][k][0])),
  );
}
