import { describe, expect, test } from 'vitest';
import { heatMap, plot, sparkline } from './chart.js';

describe('charts', () => {
  test('a sparkline shows the lowest value as ▁ and the highest as █', () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█');
    expect(sparkline([5, -5])).toBe('█▁');
    expect(sparkline([2, 2])).toBe('▁▁');
  });

  test('a heat map has two characters per cell', () => {
    expect(
      heatMap([
        [0, 1],
        [2, 4],
      ]),
    ).toBe('  ░░\n▒▒██');
    expect(heatMap([[5, -5]], { range: [0, 1] })).toBe('██  ');
    expect(heatMap([[0, 1]], { mark: (_, column) => (column === 0 ? 'o' : undefined) })).toBe('o ██');
  });

  test('a plot has both axes, with the first points behind the others', () => {
    const series = [
      {
        mark: '·',
        points: [
          [0, -1],
          [1, 0],
          [2, 1],
        ],
      },
      {
        mark: 'x',
        points: [
          [2, 1],
          [9, 9],
        ],
      },
    ] as const;
    expect(plot(series, { x: [0, 2], y: [-1, 1], width: 5, height: 3 })).toBe(
      [' 1 │    x', '   │  ·', '−1 │·', '   └─────', '    0   2'].join('\n'),
    );
  });
});
