import { batchNorm, ones, type Tensor, zeros } from '@mobinet/tensor';
import { drawing, element, type Part, palette, text } from '../lib/figure.js';
import { inputsOfReLUs, makeNetwork, width } from './networks.js';

const images = 48;
const cell = 7;

/** One row per channel, one column per image, and a square for each negative number. */
function signs({ values }: Tensor, left: number): Part {
  const squares = Array.from({ length: width * images }, (_, at) => {
    const [channel, image] = [Math.floor(at / images), at % images];
    const square = { x: left + image * cell, y: 40 + channel * cell, width: cell - 1, height: cell - 1 };
    return values[image * width + channel] < 0 ? [element('rect', { ...square, fill: palette.blue })] : [];
  });
  const frame = { x: left - 1, y: 39, width: images * cell + 1, height: width * cell + 1 };
  return [squares, element('rect', { ...frame, fill: 'none', stroke: 'currentColor', 'stroke-opacity': 0.4 })];
}

/** The signs of one layer's outputs, as they are and after batch normalization. */
export default (): string => {
  const x = inputsOfReLUs(makeNetwork('plain'))[5];
  const { output } = batchNorm(x, ones([width]), zeros([width]));
  const [left, right] = [30, 60 + images * cell];
  const middle = 40 + (width * cell) / 2;
  return drawing(
    { width: right + images * cell + 10, height: 40 + width * cell + 30 },
    [text(left + (images * cell) / 2, 20, 'signs of the outputs'), signs(x, left)],
    [text(right + (images * cell) / 2, 20, 'after batch normalization'), signs(output, right)],
    text(14, middle, 'channels', { transform: `rotate(-90 14 ${middle})` }),
    [left, right].map((x) => text(x + (images * cell) / 2, 40 + width * cell + 16, 'images')),
  );
};
