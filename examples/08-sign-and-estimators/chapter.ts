/**
 * Why sign needs a straight-through estimator, where the usual ones come from, and what a network learns with each.
 *
 *     npm run chapter 8
 *
 * The derivative of sign is 0 wherever it exists. So by the chain rule, no layer before a sign can learn: its gradient
 * is multiplied by 0. A straight-through estimator leaves the forward pass unchanged and substitutes another slope in
 * the backward pass.
 */
import { gradient } from '@mobinet/autograd';
import { signWithEstimator } from '@mobinet/bnn';
import { add, argMax, mean, Rng, sign, sum, type Tensor, tensor, tidy } from '@mobinet/tensor';
import { labels, type Network, points, train } from './circle.js';

/** The same sign in the forward pass, with four slopes in the backward pass. */
const signs = {
  true: sign,
  identity: (x: Tensor) => signWithEstimator(x, 'identity'),
  clip: (x: Tensor) => signWithEstimator(x, 'clip'),
  approx: (x: Tensor) => signWithEstimator(x, 'approx'),
};

// 1. The slopes, as the gradient of Σ sign(x) with respect to x.
const xs = [-1.5, -1, -0.75, -0.25, 0, 0.25, 0.75, 1, 1.5];
const row = (name: string, numbers: readonly number[]): string =>
  name.padEnd(12) + numbers.map((value) => value.toFixed(2).replace('-0.00', '0.00').padStart(7)).join('');

console.log(row('x', xs));
console.log(row('sign(x)', [...sign(tensor(xs)).values]));
console.log('\nslopes');
for (const [name, signOf] of Object.entries(signs)) {
  const slopes = tidy(() => [...gradient((x: Tensor) => sum(signOf(x)))(tensor(xs)).values]);
  console.log(row(name, slopes));
  if (name === 'true' && slopes.some((slope) => slope !== 0)) throw new Error('sign has a slope');
}

// 2. Where two of them come from. With noise added to x, the step of sign becomes a ramp, on average, and has a slope.
const rng = Rng.fromSeed(8);
const halves = ['first', 'second'].map((name) => rng.split(name).uniform([100_000], -0.5, 0.5));
const noises = { uniform: add(halves[0], halves[0]), triangular: add(halves[0], halves[1]) };
const averageSign = (x: number, noise: Tensor): number => tidy(() => mean(sign(add(noise, x))).values[0]);

/** Ramps from −1 to 1 whose slopes on [−1, 1] are 1, that of `clip`, and 2 − 2|x|, that of `approx`. */
const ramps = {
  uniform: (x: number) => Math.max(-1, Math.min(1, x)),
  triangular: (x: number) => (Math.abs(x) < 1 ? 2 * x - x * Math.abs(x) : Math.sign(x)),
};

console.log('\naverages of sign(x + noise), and the ramps that they estimate');
for (const kind of ['uniform', 'triangular'] as const) {
  const averages = xs.map((x) => averageSign(x, noises[kind]));
  const ramp = xs.map(ramps[kind]);
  console.log(row(kind, averages));
  console.log(row('  ramp', ramp));
  if (averages.some((average, i) => Math.abs(average - ramp[i]) > 0.01)) throw new Error(`${kind}: another ramp`);
}

// 3. Training. Is a point inside a circle? The 12 lines before the signs (circle.ts) can only learn through the slope.
const classesOf = (network: Network, x: Tensor): Int32Array => tidy(() => argMax(network.forward(x), 1).values.slice());

/** The classes that a network sees in the square [−1, 1]², as rows of characters. */
function picture(network: Network, columns = 32, rows = 16): string[] {
  const centers = Array.from({ length: rows * columns }, (_, at) => [
    (2 * ((at % columns) + 0.5)) / columns - 1,
    1 - (2 * (Math.floor(at / columns) + 0.5)) / rows,
  ]);
  const cells = [...classesOf(network, tensor(centers))].map((inside) => (inside ? '#' : '·'));
  return Array.from({ length: rows }, (_, y) => cells.slice(y * columns, (y + 1) * columns).join(''));
}

console.log('\nslope        loss before     after   lines moved by   correct of 400');
const results: { correct: number; picture: string[] }[] = [];
for (const [name, signOf] of Object.entries(signs)) {
  const { network, losses, start } = await train(signOf);
  const moved = Math.max(...network.lines.weight.values.map((weight, i) => Math.abs(weight - start[i])));
  const correct = classesOf(network, points).filter((guess, i) => guess === labels.values[i]).length;
  const columns = [losses[0].toFixed(3), losses[losses.length - 1].toFixed(3), moved.toFixed(3), String(correct)];
  console.log(name.padEnd(13) + columns.map((text, i) => text.padStart([11, 10, 17, 17][i])).join(''));
  if ((name === 'true') !== (moved === 0)) throw new Error(`${name}: the lines moved by ${moved}`);
  results.push({ correct, picture: picture(network) });
}

console.log('\nthe points that each takes to be inside: with the true slope, and with approx');
const [withTrue, identity, clip, approx] = results;
for (const [i, line] of withTrue.picture.entries()) console.log(`  ${line}    ${approx.picture[i]}`);
for (const { correct } of [identity, clip, approx]) {
  if (correct <= withTrue.correct) throw new Error('an estimator learned no more than the true slope');
}
