import { Adam, crossEntropy, type Module, valueAndGradient } from '@mobinet/autograd';
import { dispose, Rng, softmax, tensor, tidy } from '@mobinet/tensor';
import { drawing, element, type Part, palette, text } from '../lib/figure.js';
import { makeNetwork, makeSpirals } from './network.js';

const stops = [0, 50, 150, 400];
const panel = 210;
const gap = 14;
const cells = 60;

/** The regions of the two classes while the network of the chapter is trained. */
export default function draw(): string {
  const rng = Rng.fromSeed(4);
  const { x, labels } = makeSpirals(rng.split('training'), 100);
  const network: Module = makeNetwork(rng.split('mlp'), 32);
  const optimizer = new Adam({ learningRate: 0.01 });
  const step = valueAndGradient((network: Module) => crossEntropy(network.forward(x), labels));
  const dots = Array.from(labels.values, (label, i) =>
    element('circle', {
      cx: place(x.values[2 * i]),
      cy: panel - place(x.values[2 * i + 1]),
      r: 2,
      fill: label === 1 ? palette.orange : palette.blue,
    }),
  );
  const panels: Part[] = [];
  for (let taken = 0; taken <= stops[stops.length - 1]; taken++) {
    if (stops.includes(taken)) {
      const left = panels.length * (panel + gap);
      const caption = text(panel / 2, -12, taken === 0 ? 'before training' : `after ${taken} steps`);
      panels.push(element('g', { transform: `translate(${left} 24)` }, caption, drawRegions(network), dots));
    }
    const { value, gradients } = step(network);
    optimizer.update(network, gradients);
    dispose([value, gradients]);
  }
  return drawing({ width: stops.length * (panel + gap) - gap, height: panel + 24 }, panels);
}

/** From a coordinate in the plane to pixels. */
const place = (coordinate: number): number => ((coordinate + 1.2) / 2.4) * panel;

/** The probability of class 1, in nine steps from blue to orange. Equal neighbors in a row are one rectangle. */
function drawRegions(network: Module): Part {
  const side = panel / cells;
  const centers = Array.from({ length: cells }, (_, i) => ((i + 0.5) / cells) * 2.4 - 1.2);
  const grid = centers.flatMap((y) => centers.map((x) => [x, -y]));
  const probabilities = tidy(() => softmax(network.forward(tensor(grid))).values.slice());
  const parts: Part[] = [];
  for (let row = 0; row < cells; row++)
    for (let start = 0, end = 1; start < cells; start = end, end++) {
      const level = (column: number): number => Math.round(8 * probabilities[2 * (row * cells + column) + 1]) - 4;
      while (end < cells && level(end) === level(start)) end++;
      parts.push(
        element('rect', {
          x: start * side,
          y: row * side,
          width: (end - start) * side,
          height: side,
          fill: level(start) > 0 ? palette.orange : palette.blue,
          'fill-opacity': Math.abs(level(start)) / 10,
        }),
      );
    }
  // Otherwise, neighboring rectangles would show seams.
  return element('g', { 'shape-rendering': 'crispEdges' }, parts);
}
