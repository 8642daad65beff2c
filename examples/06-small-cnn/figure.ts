import { Rng } from '@mobinet/tensor';
import { accuracy, train } from '../lib/classifier.js';
import { chart, palette } from '../lib/figure.js';
import { testDigits, training } from './data.js';
import { makeCnn, makeLinear } from './networks.js';

const rng = Rng.fromSeed(6);
const networks = { 'linear classifier': makeLinear(rng.split('linear')), CNN: makeCnn(rng.split('cnn')) };

/** The accuracy of both networks at each distance from the center. */
export default (): Promise<string> => {
  for (const network of Object.values(networks)) train(network, training, { epochs: 10, learningRate: 0.02 });
  const tests = [0, 1, 2, 3, 4].map((distance) => ({ distance, digits: testDigits(distance) }));
  return chart({
    width: 420,
    height: 220,
    data: {
      values: Object.entries(networks).flatMap(([name, network]) =>
        tests.map(({ distance, digits }) => ({ name, distance, correct: accuracy(network, digits) })),
      ),
    },
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'distance', type: 'ordinal', title: 'pixels off the center', axis: { labelAngle: 0 } },
      y: { field: 'correct', type: 'quantitative', title: 'correct (%)', scale: { domain: [0, 100] } },
      color: {
        field: 'name',
        type: 'nominal',
        title: null,
        scale: { domain: Object.keys(networks), range: [palette.orange, palette.blue] },
      },
    },
  });
};
