/**
 * A small convolutional network (CNN) against a linear classifier, on digits that are not always in the middle.
 *
 *     npm run chapter 6
 *
 * Both learn from drawn digits near the center of the image. Then they see digits that are further away from it. The
 * linear classifier has a weight for each pixel, so it has to learn each place anew. The CNN looks for the same strokes
 * everywhere.
 */
import { Rng } from '@mobinet/tensor';
import { accuracy, guess, train } from '../lib/classifier.js';
import type { Digits } from '../lib/digits.js';
import { picture, sideBySide } from '../lib/pictures.js';
import { testDigits, training } from './data.js';
import { makeCnn, makeLinear } from './networks.js';

// 1. The images: 20 × 20 pixels, of which the middle is printed.
const tests = [0, 1, 2, 3, 4].map(testDigits);
const show = ({ images }: Digits, index: number): string =>
  picture(images.slice([index, 2, 2, 0], [index + 1, 18, 18, 1]), [0.1, 0.9]);
console.log(
  sideBySide({ 'to learn from': show(training, 13), '': show(training, 47), 'to test with': show(tests[3], 3) }),
);

// 2. The networks, and their training.
const rng = Rng.fromSeed(6);
const networks = { linear: makeLinear(rng.split('linear')), cnn: makeCnn(rng.split('cnn')) };
for (const [name, network] of Object.entries(networks)) {
  const losses: string[] = [];
  train(network, training, {
    epochs: 10,
    learningRate: 0.02,
    onEpoch: (_, loss) => losses.push(loss.toFixed(2)),
  });
  const parameters = [...network.parameters().values()].reduce((total, { size }) => total + size, 0);
  console.log(`${name.padEnd(6)}  ${parameters} parameters, loss after each epoch: ${losses.join(' ')}`);
}

// 3. The test.
console.log('\npixels off       correct (chance: 10 %)');
for (const [distance, digits] of tests.entries()) {
  for (const [name, network] of Object.entries(networks)) {
    const percent = accuracy(network, digits);
    const bar = '█'.repeat(Math.round(percent / 2));
    console.log(`${distance}  ${name.padEnd(6)}${percent.toFixed(0).padStart(10)} % ${bar}`);
  }
}
if (accuracy(networks.cnn, tests[4]) < 60) throw new Error('the CNN did not find digits away from the center');

// 4. What the CNN took for what, of the digits that are three pixels off.
const confusions = Array.from({ length: 10 }, () => new Array<number>(10).fill(0));
for (const [index, digit] of guess(networks.cnn, tests[3].images).entries()) {
  confusions[tests[3].labels.values[index]][digit]++;
}
console.log('\nthe CNN takes…   for a 0   1   2   3   4   5   6   7   8   9');
for (const [digit, counts] of confusions.entries()) {
  console.log(`a ${digit}${' '.repeat(17)}${counts.map((count) => String(count || '·').padStart(4)).join('')}`);
}
