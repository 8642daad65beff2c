import { packBits, Rng, unpackBits } from '@mobinet/tensor';
import { drawing, element, type Part, palette, text } from '../lib/figure.js';
import { countOnes } from './count-ones.js';

const n = 12;
const cell = 36;
const left = 120;

/** A dot product of 12 signs: the signs, their bits and the xor of the bits, with the positions that differ marked. */
export default function draw(): string {
  const rng = Rng.fromSeed(1);
  const [a, b] = [packBits(rng.normal([n])), packBits(rng.normal([n]))];
  const signs = [a, b].map((bits) => Array.from(unpackBits(bits).values, (sign) => (sign < 0 ? '−' : '+')));
  const bitsOf = (word: number): string[] => Array.from({ length: n }, (_, i) => String((word >>> i) & 1));
  const xor = a.words[0] ^ b.words[0];
  const differs = bitsOf(xor).map((bit) => bit === '1');
  const rows: [label: string, cells: string[]][] = [
    ['signs of a', signs[0]],
    ['signs of b', signs[1]],
    ['bits of a', bitsOf(a.words[0])],
    ['bits of b', bitsOf(b.words[0])],
    ['a xor b', bitsOf(xor)],
  ];
  const tops = [10, 50, 110, 150, 210];
  const ones = countOnes(xor);
  const sum = `popcount(a xor b) = ${ones}, so a·b = ${n} − 2·${ones} = ${String(n - 2 * ones).replace('-', '−')}`;
  return drawing(
    { width: left + n * cell + 10, height: 300 },
    rows.map(([label, cells], row) => drawRow(label, cells, tops[row], differs)),
    text(left + (n * cell) / 2, 275, sum, { 'font-size': 16 }),
  );
}

function drawRow(label: string, cells: readonly string[], top: number, marked: readonly boolean[]): Part {
  return [
    text(left - 14, top + cell / 2, label, { 'text-anchor': 'end' }),
    cells.map((content, i) => {
      const x = left + i * cell;
      const color = marked[i] ? palette.orange : palette.blue;
      return [
        element('rect', {
          ...{ x: x + 2, y: top + 2, width: cell - 4, height: cell - 4, rx: 4 },
          ...{ fill: color, 'fill-opacity': 0.25, stroke: color },
        }),
        text(x + cell / 2, top + cell / 2, content, { 'font-size': 17 }),
      ];
    }),
  ];
}
