import { Rng } from '@mobinet/tensor';
import { chart, palette } from '../lib/figure.js';
import { bestAlpha, sign, squaredError } from './equations.js';

/** The error of α·B for a filter, as a function of α: for B = sign(W), and for B in which one or two signs are wrong. */
export default function draw(): Promise<string> {
  const filter = [...Rng.fromSeed(10).split('filter').normal([9], 0, 0.6).values];
  const largest = [...filter.keys()].sort((a, b) => Math.abs(filter[b]) - Math.abs(filter[a]));
  const curves = ['B = sign(W)', 'one sign wrong', 'two signs wrong'].map((name, wrong) => {
    // Wrong is a weight of middle size, then also the next one.
    const flipped = new Set(largest.slice(3, 3 + wrong));
    const signs = filter.map((weight, i) => (flipped.has(i) ? -sign(weight) : sign(weight)));
    const best = bestAlpha(filter, signs);
    return {
      points: Array.from({ length: 101 }, (_, i) => ({
        name,
        alpha: i / 100,
        error: squaredError(filter, i / 100, signs),
      })),
      best: { name, alpha: best, error: squaredError(filter, best, signs) },
    };
  });
  const encoding = {
    x: { field: 'alpha', type: 'quantitative' as const, title: 'α' },
    y: { field: 'error', type: 'quantitative' as const, title: '‖W − αB‖²' },
    color: {
      field: 'name',
      type: 'nominal' as const,
      title: null,
      sort: null,
      scale: { range: [palette.blue, palette.orange, palette.pink] },
    },
  };
  return chart({
    width: 420,
    height: 240,
    layer: [
      { data: { values: curves.flatMap(({ points }) => points) }, mark: { type: 'line', strokeWidth: 2.5 }, encoding },
      {
        data: { values: curves.map(({ best }) => best) },
        mark: { type: 'point', filled: true, size: 80, opacity: 1 },
        encoding,
      },
    ],
  });
}
