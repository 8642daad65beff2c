/**
 * A binary convolution, one equation of the paper at a time, each in plain loops and checked against the library.
 *
 *     npm run chapter 10
 *
 * The layer computes y = α · (sign(x) ∗ sign(W)) in groups of channels. Its weights W are floats, but the forward pass
 * sees only their signs and one scaling factor α for each filter. The plain versions are in equations.ts.
 */
import { gradient } from '@mobinet/autograd';
import { binarizeWeights, binaryConv2d, type ScalingGradient, signWithEstimator } from '@mobinet/bnn';
import { weightGradient } from '@mobinet/bnn/kernels';
import { batchNorm, mul, ones, packBits, Rng, sum, type Tensor, tensor, unpackBits, zeros } from '@mobinet/tensor';
import { approxSlope, bestAlpha, groupedCounts, latentGradient, sign, squaredError } from './equations.js';
import { firstAlpha, imitate, shareOfEqualSigns, teacherWeights } from './teacher.js';

const rng = Rng.fromSeed(10);
const format = (numbers: readonly number[]): string =>
  numbers.map((n) => n.toFixed(3).replace('-', '−').padStart(7)).join('');

function check(what: string, plain: readonly number[], library: ArrayLike<number>): void {
  const isClose = (value: number, i: number): boolean => Math.abs(value - library[i]) < 1e-5;
  if (plain.length !== library.length || !plain.every(isClose)) throw new Error(`${what} is not that of the library`);
  console.log(`${what}: the same as in the library`);
}

// Equations (1) and (2): signs, and the slope that stands for their derivative.
const numbers = rng.split('numbers').normal([100]);
check('(1) sign', [...numbers.values].map(sign), unpackBits(packBits(numbers)).values);
const slopes = gradient((x: Tensor) => sum(signWithEstimator(x, 'approx')))(numbers).values;
check('(2) slope', [...numbers.values].map(approxSlope), slopes);

// Equation (3): which signs B and which α > 0 are nearest to a filter W? For 9 weights, all 512 choices of B are tried.
const filter = [...rng.split('filter').normal([9], 0, 0.6).values];
const choices = Array.from({ length: 2 ** 9 }, (_, bits) => filter.map((_, i) => (bits & (1 << i) ? -1 : 1)))
  .map((signs) => ({ signs, alpha: bestAlpha(filter, signs) }))
  .filter(({ alpha }) => alpha > 0)
  .map((choice) => ({ ...choice, error: squaredError(filter, choice.alpha, choice.signs) }))
  .sort((a, b) => a.error - b.error);
console.log(`\nW     ${format(filter)}`);
for (const [rank, { signs, error }] of choices.slice(0, 3).entries())
  console.log(
    `B, ${rank + 1}. ${signs.map((s) => (s < 0 ? '−' : '+').padStart(7)).join('')}    error ${error.toFixed(3)}`,
  );
if (String(choices[0].signs) !== String(filter.map(sign))) throw new Error('the best signs are not sign(W)');

const alpha = bestAlpha(filter);
const factors = [0, 0.5, 0.75, 1, 1.25, 1.5, 2];
const errors = factors.map((factor) => squaredError(filter, factor * alpha, filter.map(sign)));
console.log(`\nα / mean|W|   ${format(factors)}\nerror         ${format(errors)}`);
if (errors.some((error) => error < errors[3])) throw new Error('the mean of |W| is not the best α');
check('(3) α', [alpha], binarizeWeights(tensor([filter])).alpha.values);

// Equations (4) and (5): the gradient of the latent weights, for a loss that is linear in Ŵ: L = Σ_j G_j · Ŵ_j.
const g = [...rng.split('g').normal([9]).values];
const loss = (w: readonly number[]): number =>
  w.reduce((sum, weight, j) => sum + g[j] * bestAlpha(w) * sign(weight), 0);
const moved = (i: number, by: number): number[] => filter.map((weight, j) => (i === j ? weight + by : weight));
const byDifference = filter.map((_, i) => (loss(moved(i, 1e-4)) - loss(moved(i, -1e-4))) / 2e-4);
const throughSign = filter.map((weight, i) => (Math.abs(weight) <= 1 ? alpha * g[i] : 0));
const both = latentGradient(filter, g);
const throughAlpha = both.map((slope, i) => slope - throughSign[i]);
console.log(`\n∂L/∂W: by differences  ${format(byDifference)}`);
console.log(`       through α       ${format(throughAlpha)}`);
console.log(`       through signs   ${format(throughSign)}`);
console.log(`       sum             ${format(both)}`);
if (byDifference.some((slope, i) => Math.abs(slope - throughAlpha[i]) > 1e-5)) throw new Error('differences find more');
const byLibrary = weightGradient(tensor([g]), tensor([filter]), tensor([alpha]), 'full').values;
check('(4), (5) ∂L/∂W', both, byLibrary);

// Equation (6): the convolution itself, on counts, in 2 groups of 2 channels.
const x = rng.split('x').normal([1, 5, 5, 4]);
const weight = rng.split('weight').normal([4, 3, 3, 2], 0, 0.6);
const alphas = binarizeWeights(weight).alpha.values;
const y = groupedCounts(x, weight, 2).map((count, at) => count * alphas[at % 4]);
console.log();
check('(6) y', y, binaryConv2d(x, weight, { groups: 2 }).values);

// A batch normalization after the layer removes any scale, so the loss does not depend on α, and no gradient flows
// through it.
const dy = rng.split('dy').normal([1, 3, 3, 4]);
const gradientOf = (scalingGradient: ScalingGradient, normalize: boolean): number[] => {
  const layer = (w: Tensor): Tensor => binaryConv2d(x, w, { groups: 2, scalingGradient });
  const after = (y: Tensor): Tensor => (normalize ? batchNorm(y, ones([4]), zeros([4])).output : y);
  return [...gradient((w: Tensor) => sum(mul(after(layer(w)), dy)))(weight).values];
};
for (const normalize of [false, true]) {
  const [full, detached] = [gradientOf('full', normalize), gradientOf('detached', normalize)];
  const part = Math.hypot(...full.map((value, i) => value - detached[i])) / Math.hypot(...full);
  console.log(
    `share of the path through α, ${normalize ? 'with   ' : 'without'} batch normalization: ${part.toFixed(4)}`,
  );
  if (normalize !== part < 1e-3) throw new Error('batch normalization should remove the path through α, and only it');
}

// Signs are learned: a layer finds those of another one from its answers. Its latent weights cross 0 one by one.
const teacherAlpha = firstAlpha(teacherWeights).toFixed(4);
console.log(`\nsteps        signs found        α of the first filter; the teacher's is ${teacherAlpha}`);
console.log('             full  detached     full  detached');
const students = [imitate('full', 300), imitate('detached', 300)];
for (const step of [0, 10, 20, 50, 100, 200, 300]) {
  const shares = students.map((weights) => `${(100 * shareOfEqualSigns(weights[step])).toFixed(0)} %`.padStart(8));
  const scales = students.map((weights) => firstAlpha(weights[step]).toFixed(4).padStart(10));
  console.log(String(step).padStart(5) + ''.padEnd(4) + shares.join('') + ''.padEnd(2) + scales.join(''));
}
if (students.some((weights) => shareOfEqualSigns(weights[300]) < 1)) throw new Error('some signs are wrong');
