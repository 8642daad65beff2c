import { chart, palette } from '../lib/figure.js';
import { sign } from './equations.js';
import { imitate, teacherWeights } from './teacher.js';

const steps = 60;

/** The latent weights of one filter while it finds the signs of another filter, by the sign that they should get. */
export default function draw(): Promise<string> {
  const weights = imitate('detached', steps);
  const values = Array.from({ length: 32 }, (_, i) =>
    weights.map((all, step) => ({
      weight: i,
      step,
      value: all[i],
      sign: sign(teacherWeights[i]) < 0 ? 'should be −1' : 'should be +1',
    })),
  ).flat();
  return chart({
    width: 480,
    height: 260,
    layer: [
      {
        data: { values },
        mark: { type: 'line', strokeWidth: 1.5 },
        encoding: {
          x: { field: 'step', type: 'quantitative', title: 'step', scale: { nice: false } },
          y: { field: 'value', type: 'quantitative', title: 'latent weight' },
          detail: { field: 'weight', type: 'nominal' },
          color: {
            field: 'sign',
            type: 'nominal',
            title: null,
            scale: { domain: ['should be +1', 'should be −1'], range: [palette.blue, palette.orange] },
          },
        },
      },
      { data: { values: [{ zero: 0 }] }, mark: 'rule', encoding: { y: { field: 'zero', type: 'quantitative' } } },
    ],
  });
}
