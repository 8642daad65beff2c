import { withoutMemory } from '@mobinet/tensor';
import { createMoBiNet, type SegmentPlan } from 'mobinet';
import { arrow, drawing, element, type Part, palette, text } from '../lib/figure.js';

const [width, height] = [124, 40];
const [left, step] = [90, 180];
/** From the box of a segment to the circle where its skip connection is added. */
const toSum = 22;
const blocks = ['none', 'pre', 'mid', 'post'] as const;
const rowHeight = 88;

/** The second unit of a MoBiNet with each of the four blocks: its segments, and the skip connections around them. */
export default function draw(): string {
  return drawing(
    { width: left + 3 * step, height: blocks.length * rowHeight + 16 },
    blocks.map((block, row) => {
      const [, unit] = withoutMemory(() => createMoBiNet({ block })).plan.units;
      return drawBlock(block, unit.segments, 46 + row * rowHeight);
    }),
  );
}

function drawBlock(block: string, segments: readonly SegmentPlan[], y: number): Part {
  const middle = y + height / 2;
  return [
    text(left - 34, middle, block, { 'text-anchor': 'end', 'font-weight': 'bold' }),
    segments.map((segment, i) => {
      const x = left + i * step;
      return [
        arrow([x - (i === 0 ? 26 : step - width - toSum - 5), middle], [x, middle]),
        element('rect', { x, y, width, height, rx: 6, ...styleOf(segment) }),
        text(x + width / 2, y + 13, segment.name === 'depthwise' ? 'DW 3×3' : 'PW 1×1'),
        text(x + width / 2, y + 29, `${segment.inChannels} → ${segment.outChannels}`, { 'font-size': 12 }),
        skipAround(segment, x, middle),
        arrow([x + width, middle], [x + width + toSum - 5, middle]),
        element('circle', { ...{ cx: x + width + toSum, cy: middle, r: 5 }, ...skipStyle }),
      ];
    }),
    arrow([left + segments.length * step - 29, middle], [left + segments.length * step - 4, middle]),
  ];
}

/** The additional segment is orange, so that one sees where each block has it. */
function styleOf({ name }: SegmentPlan): Record<string, string | number> {
  const color = name === 'extra' ? palette.orange : palette.blue;
  return { fill: color, 'fill-opacity': 0.2, stroke: color };
}

const skipStyle = { fill: 'none', stroke: palette.green, 'stroke-width': 2 };

function skipAround({ skipRepeats }: SegmentPlan, x: number, middle: number): Part {
  const above = middle - 36;
  const path = `M${x - 14},${middle}V${above}H${x + width + toSum}V${middle - 6}`;
  return [
    element('path', { d: path, ...skipStyle, 'marker-end': 'url(#arrow)' }),
    skipRepeats > 1 ? text(x + width / 2, above - 9, `repeated ${skipRepeats} times`, { 'font-size': 12 }) : [],
  ];
}
