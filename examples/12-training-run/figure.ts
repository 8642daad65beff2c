import { bestFile, checkpointFile, metricsFile, packedFile } from 'mobinet';
import { arrow, drawing, element, type Part, palette, text } from '../lib/figure.js';

const files = [
  { name: checkpointFile, reader: 'train, to resume', color: palette.blue },
  { name: bestFile, reader: 'writePacked', color: palette.blue },
  { name: metricsFile, reader: 'you, and charts', color: palette.orange },
  { name: packedFile, reader: 'predict, a web page, …', color: palette.green },
];

/** A labeled box around its center. */
function box([x, y]: readonly [number, number], width: number, label: string, color: string): Part {
  const rect = {
    x: x - width / 2,
    y: y - 17,
    width,
    height: 34,
    rx: 5,
    fill: color,
    'fill-opacity': 0.15,
    stroke: color,
  };
  return [element('rect', rect), text(x, y, label)];
}

/** Who writes and who reads the files of a run's folder. */
export default (): string => {
  const at = (index: number): number => 62 + 54 * index;
  const training = [92, at(1)] as const;
  return drawing(
    { width: 740, height: 262 },
    element('rect', {
      x: 228,
      y: 34,
      width: 264,
      height: 218,
      rx: 8,
      fill: 'none',
      stroke: 'currentColor',
      'stroke-dasharray': '5 4',
    }),
    text(360, 18, "the run's folder"),
    box(training, 150, 'train', palette.gray),
    files.map(({ name, reader, color }, index) => [
      box([360, at(index)], 240, name, color),
      text(630, at(index), reader),
      arrow([486, at(index)], [536, at(index)]),
    ]),
    [0, 1, 2].map((index) => arrow([170, training[1]], [236, at(index)])),
    box([92, at(3)], 150, 'writePacked', palette.gray),
    arrow([170, at(3)], [236, at(3)]),
  );
};
