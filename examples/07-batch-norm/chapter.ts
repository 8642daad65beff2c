/**
 * Why deep networks need batch normalization, and binary ones more than others.
 *
 *     npm run chapter 7
 *
 * Follows the numbers through twelve layers, where they fade unless something keeps their size, and trains three
 * networks at three learning rates. Then it shows what differs between training and evaluation, and looks at signs.
 */
import { BatchNorm2d, noGradient, type Sequential } from '@mobinet/autograd';
import { argMax, batchNorm, ones, type Tensor, tidy, zeros } from '@mobinet/tensor';
import { accuracy, train } from '../lib/classifier.js';
import { sideBySide } from '../lib/pictures.js';
import { depth, inputsOfReLUs, kinds, makeNetwork, sizeOf, test, training, width } from './networks.js';

const row = (first: unknown, cells: readonly string[]): string =>
  String(first).padEnd(14) + cells.map((cell) => cell.padStart(12)).join('');

// 1. Before training: how large are the inputs of each ReLU?
const sizes = kinds.map((kind) => inputsOfReLUs(makeNetwork(kind)).map(sizeOf));
console.log(`${row('layer', kinds)}    the size of its outputs, before ReLU`);
for (let layer = 0; layer < depth; layer++) {
  console.log(
    row(
      layer + 1,
      sizes.map((ofLayers) => ofLayers[layer].toFixed(6)),
    ),
  );
}

// 2. Training, for six epochs each.
console.log(`\n${row('learning rate', kinds)}    correct (chance: 10 %)`);
let trained: Sequential | undefined;
for (const learningRate of [0.003, 0.03, 0.1]) {
  const results = kinds.map((kind) => {
    const network = makeNetwork(kind);
    train(network, training, { epochs: 6, learningRate });
    if (kind === 'BatchNorm') trained ??= network;
    return accuracy(network, test);
  });
  console.log(
    row(
      learningRate,
      results.map((percent) => `${percent.toFixed(0)} %`),
    ),
  );
  if (results[2] < 70) throw new Error('the network with batch normalization did not learn');
}

// 3. Training and evaluation: the same network is shown ten test images, 0 to 9, one after another.
const guesses = (network: Sequential): string =>
  Array.from({ length: 10 }, (_, index) =>
    tidy(() => noGradient(() => argMax(network.forward(test.images.slice([index], [index + 1])), 1).values[0])),
  ).join(' ');
console.log(`\nin evaluation mode, it sees  ${guesses(trained!.eval())}`);
console.log(`in training mode, it sees    ${guesses(trained!.train())}`);

// 4. Running statistics: after how many batches do they know the mean of a channel?
const [linear] = makeNetwork('plain').layers;
const outputs = linear.forward(training.images);
const norm = new BatchNorm2d(width);
console.log(`\nmean of channel 0 over all images  ${outputs.mean({ axes: [0] }).values[0].toFixed(4)}`);
for (let batch = 0; batch <= 40; batch++) {
  if (batch % 10 === 0) {
    const title = `running mean after ${batch} batches`;
    console.log(`${title.padEnd(35)}${norm.runningMean.values[0].toFixed(4)}`);
  }
  norm.forward(outputs.slice([(batch % 20) * 50], [(batch % 20) * 50 + 50]));
}

// 5. Signs: those of twelve outputs of the sixth layer, for forty images, without and with normalization.
const x = inputsOfReLUs(makeNetwork('plain'))[5];
const normalized = batchNorm(x, ones([width]), zeros([width])).output;
const signs = ({ values }: Tensor): string =>
  Array.from({ length: 12 }, (_, c) =>
    Array.from({ length: 40 }, (_, image) => (values[image * width + c] < 0 ? '−' : '+')).join(''),
  ).join('\n');
console.log(`\n${sideBySide({ 'signs of the outputs': signs(x), 'after batch normalization': signs(normalized) })}`);

// How much a sign says, in bits, if + has the share p: H = −p·log₂ p − (1 − p)·log₂(1 − p). The mean over all channels.
const [before, after] = [x, normalized].map(({ values }) => {
  const shares = Array.from({ length: width }, (_, c) => {
    const ofChannel = values.filter((_, at) => at % width === c);
    return ofChannel.filter((value) => value >= 0).length / ofChannel.length;
  });
  const term = (p: number): number => (p > 0 ? -p * Math.log2(p) : 0);
  return shares.reduce((sum, p) => sum + term(p) + term(1 - p), 0) / width;
});
console.log(`${`${before.toFixed(2)} bits per sign`.padEnd(42)}${after.toFixed(2)} bits per sign`);
if (!(after > 0.95)) throw new Error('the signs are not balanced');
