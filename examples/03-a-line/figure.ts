import { mse, SGD, valueAndGradient } from '@mobinet/autograd';
import { dispose, scalar, type Tensor, tidy } from '@mobinet/tensor';
import { chart, palette } from '../lib/figure.js';
import { makePoints } from './data.js';

/** Left: the points, and the line after some steps. Right: the paths of two learning rates on the map of the loss. */
export default function draw(): Promise<string> {
  const points = makePoints();
  const calm = descend(points, 0.1, 60);
  const hasty = descend(points, 0.93, 60);
  const lines = [0, 5, 15, 60].flatMap((step) =>
    [-1, 1].map((x) => ({ step: `after ${step} steps`, x, y: calm[step].slope * x + calm[step].intercept })),
  );
  const x = { field: 'x', type: 'quantitative' } as const;
  const y = { field: 'y', type: 'quantitative', title: 'y' } as const;
  const slope = { field: 'slope', type: 'quantitative', title: 'slope' } as const;
  const intercept = { field: 'intercept', type: 'quantitative', title: 'intercept' } as const;
  const size = { width: 300, height: 260 };
  return chart({
    spacing: 40,
    resolve: { scale: { color: 'independent' } },
    config: { legend: { orient: 'bottom', columns: 2 } },
    hconcat: [
      {
        ...size,
        layer: [
          {
            data: { values: Array.from(points.x.values, (x, i) => ({ x, y: points.y.values[i] })) },
            mark: { type: 'point', filled: true, size: 18, color: palette.gray },
            encoding: { x, y },
          },
          {
            data: { values: lines },
            mark: { type: 'line', strokeWidth: 2.5 },
            encoding: { x, y, color: { field: 'step', type: 'nominal', title: null, sort: null } },
          },
        ],
      },
      {
        ...size,
        layer: [
          {
            data: { values: contours(points, [0.1, 0.5, 1.5, 3, 5, 8]) },
            mark: { type: 'line', color: 'currentColor', opacity: 0.4, clip: true },
            encoding: {
              x: { ...slope, scale: { domain: [0, 6] } },
              y: { ...intercept, scale: { domain: [-3.5, 1.5] } },
              detail: { field: 'level' },
              order: { field: 'angle' },
            },
          },
          {
            data: {
              values: [
                ...calm.map((line, step) => ({ ...line, step, rate: 'learning rate 0.1' })),
                ...hasty.map((line, step) => ({ ...line, step, rate: 'learning rate 0.93' })),
              ],
            },
            mark: { type: 'line', point: { size: 22 }, clip: true, interpolate: 'linear' },
            encoding: {
              x: slope,
              y: intercept,
              order: { field: 'step' },
              color: { field: 'rate', type: 'nominal', title: null, scale: { range: [palette.blue, palette.orange] } },
            },
          },
        ],
      },
    ],
  });
}

interface Points {
  x: Tensor;
  y: Tensor;
}

interface Line {
  slope: number;
  intercept: number;
}

const loss = ({ slope, intercept }: { slope: Tensor; intercept: Tensor }, { x, y }: Points): Tensor =>
  mse(x.mul(slope).add(intercept), y);

/** The lines from y = 0 on: before each step, and after the last. */
function descend(points: Points, learningRate: number, steps: number): Line[] {
  const line = { slope: scalar(0), intercept: scalar(0) };
  const optimizer = new SGD({ learningRate });
  const step = valueAndGradient(loss);
  const path: Line[] = [];
  for (let i = 0; i <= steps; i++) {
    path.push({ slope: line.slope.values[0], intercept: line.intercept.values[0] });
    const { value, gradients } = step(line, points);
    optimizer.update(line, gradients);
    dispose([value, gradients]);
  }
  return path;
}

/**
 * Curves on which the loss is above its minimum by some amount. On a straight way from the minimum, the loss grows with
 * the square of the distance, so one value per angle is enough.
 */
function contours(points: Points, levels: readonly number[]): (Line & { level: number; angle: number })[] {
  const lossAt = ({ slope, intercept }: Line): number =>
    tidy(() => loss({ slope: scalar(slope), intercept: scalar(intercept) }, points).values[0]);
  const best = descend(points, 0.5, 200)[200];
  const least = lossAt(best);
  return Array.from({ length: 73 }, (_, i) => (i / 36) * Math.PI).flatMap((angle) => {
    const at = (distance: number): Line => ({
      slope: best.slope + distance * Math.cos(angle),
      intercept: best.intercept + distance * Math.sin(angle),
    });
    const growth = lossAt(at(1)) - least;
    return levels.map((level) => ({ ...at(Math.sqrt(level / growth)), level, angle }));
  });
}
