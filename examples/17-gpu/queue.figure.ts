import { arrow, drawing, element, type Part, palette, text } from '../lib/figure.js';

const [left, program, gpu] = [100, 30, 110];

function box(x: number, y: number, width: number, color: string, content: string): Part {
  const frame = { x, y, width, height: 34, rx: 4 };
  return [
    element('rect', { ...frame, fill: color, 'fill-opacity': 0.25, stroke: color }),
    text(x + width / 2, y + 17, content, { 'font-size': 12 }),
  ];
}

const calls = [
  { name: 'matmul', duration: 190 },
  { name: 'relu', duration: 70 },
  { name: 'sum', duration: 100 },
];

/** A program that calls three operations and then waits, and the GPU, which computes them meanwhile. */
export default function draw(): string {
  const callWidth = 60;
  let free = left + callWidth;
  const parts = calls.map(({ name, duration }, k) => {
    const called = left + k * (callWidth + 6);
    const start = Math.max(free, called + callWidth);
    free = start + duration + 6;
    return [
      box(called, program, callWidth, palette.blue, name),
      box(start, gpu, duration, palette.orange, name),
      arrow([called + callWidth / 2, program + 38], [start + 10, gpu - 4]),
    ];
  });
  const waiting = left + calls.length * (callWidth + 6);
  return drawing(
    { width: free + 20, height: 160 },
    text(left - 12, program + 17, 'program', { 'text-anchor': 'end' }),
    text(left - 12, gpu + 17, 'GPU', { 'text-anchor': 'end' }),
    parts,
    box(waiting, program, free - waiting, palette.gray, 'await y.data(): waits for the result'),
    arrow([free - 8, gpu - 4], [free - 8, program + 38]),
  );
}
