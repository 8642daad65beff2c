import { gradient } from '@mobinet/autograd';
import { type Estimator, signWithEstimator } from '@mobinet/bnn';
import { sum, type Tensor, tensor, tidy } from '@mobinet/tensor';
import { chart, palette } from '../lib/figure.js';

const colors = { sign: 'currentColor', identity: palette.gray, clip: palette.orange, approx: palette.blue };

/** Left: sign, and the ramps that the estimators differentiate in its place. Right: the slopes of these ramps. */
export default function draw(): Promise<string> {
  // Every 0.05, and just beside the steps.
  const grid = Array.from({ length: 65 }, (_, i) => (i - 32) / 20);
  const x = [...grid, -1.0001, -0.0001, 1.0001].sort((a, b) => a - b);
  const ramps: Record<string, (x: number) => number> = {
    sign: (x) => (x < 0 ? -1 : 1),
    identity: (x) => x,
    clip: (x) => Math.max(-1, Math.min(1, x)),
    approx: (x) => (Math.abs(x) < 1 ? 2 * x - x * Math.abs(x) : Math.sign(x)),
  };
  const slopes = (name: string): number[] =>
    name === 'sign'
      ? x.map(() => 0)
      : tidy(() => [...gradient((x: Tensor) => sum(signWithEstimator(x, name as Estimator)))(tensor(x)).values]);
  const panel = (title: string, valuesOf: (name: string) => number[]) => ({
    title,
    width: 270,
    height: 220,
    data: { values: Object.keys(colors).flatMap((name) => valuesOf(name).map((y, i) => ({ name, x: x[i], y }))) },
    mark: { type: 'line' as const, strokeWidth: 2.5 },
    encoding: {
      x: { field: 'x', type: 'quantitative' as const, title: 'x', scale: { nice: false } },
      y: { field: 'y', type: 'quantitative' as const, title: null },
      color: {
        field: 'name',
        type: 'nominal' as const,
        title: null,
        scale: { domain: Object.keys(colors), range: Object.values(colors) },
      },
    },
  });
  return chart({
    hconcat: [panel('sign, and ramps in its place', (name) => x.map(ramps[name])), panel('slopes', slopes)],
    spacing: 30,
    config: { legend: { orient: 'bottom' } },
  });
}
