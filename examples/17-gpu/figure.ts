import { groupsOf, linearWorkgroup } from '@mobinet/tensor/kernels';
import { drawing, element, palette, text } from '../lib/figure.js';

const rows = 130;
const [size] = linearWorkgroup;
const [left, pitch] = [118, 9];

/** The invocations of a shader over 130 rows: those with a row are filled. */
export default function draw(): string {
  const [groups] = groupsOf(rows);
  return drawing(
    { width: left + size * pitch + 16, height: 24 + groups * 40 },
    Array.from({ length: groups }, (_, group) => {
      const [first, y] = [group * size, 12 + group * 40];
      const last = Math.min(first + size, rows) - 1;
      return [
        text(left - 12, y + 12, `workgroup ${group}`, { 'text-anchor': 'end' }),
        Array.from({ length: size }, (_, lane) => {
          const fill = first + lane < rows ? palette.blue : 'none';
          return element('rect', {
            x: left + lane * pitch,
            y,
            width: pitch - 2,
            height: 12,
            fill,
            stroke: palette.blue,
          });
        }),
        text(left, y + 24, last > first ? `rows ${first} to ${last}` : `row ${first}`, {
          'text-anchor': 'start',
          'font-size': 11,
        }),
      ];
    }),
  );
}
