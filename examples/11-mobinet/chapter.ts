/**
 * MoBiNet: what it consists of, what each of its parts costs, and what its skip connections are for.
 *
 *     npm run chapter 11
 *
 * The network of the paper is only counted, which needs no memory. Small ones, on images of 16×16 pixels, show how
 * information and gradients get through 13 units with and without skip connections, and what they learn in 12 steps.
 */
import { Adam, noGradient } from '@mobinet/autograd';
import { argMax, dispose, Rng, tidy, withoutMemory } from '@mobinet/tensor';
import { createMoBiNet, type MoBiNet, type MoBiNetOptions, type SegmentPlan, summary } from 'mobinet';
import * as measure from './measure.js';
import { type Batch, drawWaves } from './waves.js';

const columns = (widths: readonly number[], cells: readonly (string | number)[]): string =>
  cells.map((cell, i) => String(cell).padStart(widths[i])).join('');

/** A number with a proper minus sign, and no −0.00. */
const show = (x: number, digits: number): string => (Number(x.toFixed(digits)) + 0).toFixed(digits).replace('-', '−');

// 1. The units: a depth-wise segment (DW) in groups of 8 channels, and two point-wise ones (PW), of 1×1 pixels.
const weights = ({ kernel, inChannels, outChannels, groups }: SegmentPlan): number =>
  outChannels * kernel ** 2 * (inChannels / groups);
const { units } = withoutMemory(() => createMoBiNet()).plan;

const table = [4, 10, 14, 12, 12, 12, 7];
console.log(columns(table, ['unit', 'pixels', 'channels', 'bits of DW', 'of PW', 'of PW', 'pool']));
for (const [i, { segments, pool }] of units.entries()) {
  const [{ size, inChannels }, , { outChannels }] = segments;
  const shape = [`${size}×${size}`, `${inChannels} → ${outChannels}`];
  console.log(columns(table, [i + 1, ...shape, ...segments.map(weights), pool ? '2×2' : '']).trimEnd());
}

// 2. What it costs. These FLOPs, as the paper counts them, are in its Table 3 for K = 0 to 3.
const count = (options: Partial<MoBiNetOptions>) => withoutMemory(() => summary(createMoBiNet(options)));
const published = [45.61, 46.04, 46.9, 48.62];
console.log('\n K  channels of a group  binary weights  float parameters  MFLOPs  file');
for (const [k, expected] of published.entries()) {
  const { binaryParameters, floatParameters, flops, savedBytes } = count({ k });
  const megabytes = `${(savedBytes! / 1e6).toFixed(2)} MB`;
  const cells = [k, 2 ** k, binaryParameters, floatParameters, (flops / 1e6).toFixed(2), megabytes];
  console.log(columns([2, 21, 16, 18, 8, 9], cells));
  if (Math.abs(flops / 1e6 - expected) > 0.01) throw new Error(`the paper has ${expected} MFLOPs for K = ${k}`);
}
const { flops } = count({ precision: 'float' });
console.log(`the same network in floats: ${(flops / 1e6).toFixed(0)} MFLOPs`);

// 3. What gets through the units, forward and backward, before any training.
const names = Object.keys(measure.variants);
const networks = Object.values(measure.variants).map(measure.makeNetwork);

function showByUnit(title: string, measurement: (network: MoBiNet) => number[], digits: number): number[][] {
  const results = networks.map(measurement);
  console.log(`\n${title}\n${columns([12, ...units.map(() => 6)], ['unit', ...units.map((_, i) => i + 1)])}`);
  for (const [i, result] of results.entries())
    console.log(columns([12, ...units.map(() => 6)], [names[i], ...result.map((x) => show(x, digits))]));
  return results;
}

showByUnit('different values in a channel after the depth-wise segment', measure.distinctValues, 0);
const withNoise = 'agreement of the outputs for images with and without a little noise';
const outputs = showByUnit(withNoise, measure.agreementOfOutputs, 2);
const gradients = showByUnit('agreement of the gradients on two batches of images', measure.agreementOfGradients, 2);
if (!(outputs[3][4] > 0.5 && outputs[0][4] < 0.3)) throw new Error('skip connections should keep information');
if (!(gradients[3][0] > 0.2 && gradients[0][0] < 0.1)) throw new Error('skip connections should keep gradients');

// 4. Training.
const rng = Rng.fromSeed(1);
const test = drawWaves(rng.split('test'), 160);

async function train(network: MoBiNet): Promise<number[]> {
  const optimizer = new Adam({ learningRate: 3e-3 });
  const losses: number[] = [];
  for (let i = 0; i < 12; i++) {
    const batch = drawWaves(rng.split('train', i), 16);
    const { value, gradients } = measure.lossAndGradient(network, batch);
    losses.push(await value.item());
    optimizer.update(network, gradients);
    dispose([batch, value, gradients]);
  }
  return losses;
}

/**
 * The share of images whose class is right. The network stays in training mode, since its running statistics are of no use
 * after so few steps.
 */
const accuracy = (network: MoBiNet, { images, labels }: Batch): number =>
  tidy(() => {
    const logits = noGradient(() => network.forward(images));
    const guesses = argMax(logits, 1).values;
    return guesses.filter((guess, i) => guess === labels.values[i]).length / guesses.length;
  });

console.log('\nskips         loss at step 1      6     12   images classified correctly');
for (const [i, network] of networks.entries()) {
  const losses = await train(network);
  const shown = [losses[0], losses[5], losses[11]].map((loss) => loss.toFixed(2));
  const share = accuracy(network, test);
  console.log(`${names[i].padEnd(13)} ${columns([14, 7, 7, 28], [...shown, `${(100 * share).toFixed(0)} %`])}`);
  if ((names[i] === 'all') !== share > 0.8) throw new Error(`with skips ${names[i]}, ${share} are right`);
}
