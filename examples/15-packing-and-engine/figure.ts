import { noGradient } from '@mobinet/autograd';
import { binarizeWeights } from '@mobinet/bnn';
import { bitConv2d, packBits, Rng, tidy } from '@mobinet/tensor';
import { chart, palette } from '../lib/figure.js';
import { drawStripes, Stripes } from './stripes.js';

/** The output of channel 0 against the number of differing signs, and how often each number occurs. */
export default function draw(): Promise<string> {
  // Random weights, and the statistics of a few batches: a trained network would look alike.
  const network = new Stripes(Rng.fromSeed(15));
  tidy(() =>
    noGradient(() => {
      for (let batch = 0; batch < 30; batch++) network.forward(drawStripes(30, Rng.fromSeed(batch)).images);
    }),
  );
  network.eval();
  const signs = 3 * 3 * 16;
  const { lines, counts } = tidy(() =>
    noGradient(() => {
      const { signs: filters, alpha } = binarizeWeights(network.conv.weight);
      const { scale, shift } = network.norm.fold();
      const outputOf = (d: number): number => (signs - 2 * d) * alpha.values[0] * scale.values[0] + shift.values[0];
      const { images } = drawStripes(300, Rng.fromSeed(99));
      const stored = bitConv2d(packBits(network.stem.forward(images)), filters, { padding: 'same', dtype: 'u8' });
      const counts = new Array<number>(signs + 1).fill(0);
      for (let at = 0; at < stored.size; at += alpha.size) counts[stored.values[at]]++;
      return { lines: counts.map((_, d) => ({ d, y: Number(outputOf(d).toFixed(3)) })), counts };
    }),
  );
  const threshold = lines.find(({ y }) => y < 0 !== lines[0].y < 0)!.d - 0.5;
  const quantitative = 'quantitative' as const;
  const x = {
    field: 'd',
    type: quantitative,
    title: 'signs that differ, of 144',
    scale: { domain: [0, signs], padding: 0 },
  };
  const color = {
    condition: { test: 'datum.negative', value: palette.orange },
    value: palette.blue,
  };
  const rule = {
    data: { values: [{ d: threshold }] },
    mark: { type: 'rule' as const, strokeDash: [5, 4] },
    encoding: { x },
  };
  const values = lines.map(({ d, y }) => ({ d, y, times: counts[d], negative: y < 0 }));
  return chart({
    vconcat: [
      {
        width: 560,
        height: 150,
        data: { values },
        layer: [
          {
            mark: { type: 'point', filled: true, size: 16, opacity: 1 },
            encoding: { x: { ...x, title: null }, y: { field: 'y', type: quantitative, title: 'output y' }, color },
          },
          rule,
        ],
      },
      {
        width: 560,
        height: 70,
        data: { values },
        layer: [
          {
            mark: { type: 'bar', size: 3 },
            encoding: { x, y: { field: 'times', type: quantitative, title: 'pixels', axis: { tickCount: 3 } }, color },
          },
          rule,
        ],
      },
    ],
  });
}
