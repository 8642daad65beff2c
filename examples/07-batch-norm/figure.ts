import { chart, palette } from '../lib/figure.js';
import { inputsOfReLUs, kinds, makeNetwork, sizeOf } from './networks.js';

/** How large the outputs of each layer are in the three networks, before training. */
export default (): Promise<string> =>
  chart({
    width: 420,
    height: 220,
    data: {
      values: kinds.flatMap((kind) =>
        inputsOfReLUs(makeNetwork(kind)).map((x, at) => ({ kind, layer: at + 1, size: sizeOf(x) })),
      ),
    },
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'layer', type: 'ordinal', title: 'layer', axis: { labelAngle: 0 } },
      y: {
        field: 'size',
        type: 'quantitative',
        title: 'size of the outputs',
        scale: { type: 'log' },
        axis: { values: [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1] },
      },
      color: {
        field: 'kind',
        type: 'nominal',
        title: null,
        scale: { domain: [...kinds], range: [palette.orange, palette.blue, palette.green] },
      },
    },
  });
