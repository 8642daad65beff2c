/**
 * Writes docs/operations.md: which operation runs where, which can be differentiated, and which a MoBiNet uses. Trains and
 * packs a small network in every variant to see.
 *
 *     npm run operations
 *     npm run operations -- --check    only says whether the document is up to date, and a GPU has all that a MoBiNet uses
 */
import { join } from 'node:path';
import { crossEntropy, valueAndGradient } from '@mobinet/autograd';
import { Rng, setThreads, startProfile, tensor } from '@mobinet/tensor';
import { definedOps } from '@mobinet/tensor/testing';
import {
  createMoBiNet,
  imageFromRgba,
  loadPacked,
  makeOptimizer,
  mobinet,
  optimizerNames,
  packModel,
  paperTraining,
} from 'mobinet';
import { fillIn, resultsIn, table } from './lib/document.mjs';
import { parseFlags, root, stop } from './lib/flags.mjs';

const { check } = parseFlags({ check: { type: 'boolean' } });
const file = join(root, 'docs/operations.md');

const small = { width: 0.125, k: 2, imageSize: 32, classes: 3 };

const image = imageFromRgba({ width: 32, height: 32, data: new Uint8Array(4 * 32 * 32).fill(128) });

/** Networks and optimizers, so that each value of each option is in one of them. */
const variants = [
  ...Object.entries(mobinet.options).flatMap(([name, { choices = [] }]) => choices.map((value) => ({ [name]: value }))),
  // Groups of 2^K channels want as many.
  ...[0, 1, 2, 3, 4].map((k) => ({ k, width: Math.max(0.125, 2 ** k / 32) })),
  ...optimizerNames.map((optimizer) => ({ optimizer })),
].map(({ optimizer = 'adam', ...options }) => ({ options: { ...small, ...options }, optimizer }));

await setThreads(1);
const trains = new Set();
const answers = new Set();
for (const variant of variants) {
  const model = createMoBiNet(variant.options);
  for (const name of namesIn(() => trainOneStep(model, variant))) trains.add(name);
  if (variant.options.precision === 'float') continue;
  const packed = await loadPacked(packModel(model));
  for (const name of namesIn(() => packed.predict([image]))) answers.add(name);
}

const holes = definedOps().filter(({ name, webgpu }) => (trains.has(name) || answers.has(name)) && !webgpu);
if (holes.length > 0) stop(`no kernel for a GPU, but a MoBiNet uses it: ${holes.map(({ name }) => name).join(', ')}`);

const mark = (is) => (is ? '✓' : '');
const text = table(
  ['operation', 'CPU, fast', 'GPU', 'gradient', 'in training', 'in a packed network'],
  definedOps().map(({ name, fast, webgpu, gradient }) => [
    `\`${name}\``,
    ...[fast, webgpu, gradient, trains.has(name), answers.has(name)].map(mark),
  ]),
);
if (!check) await fillIn(file, text);
else if ((await resultsIn(file)) !== text) stop(`${file} is not up to date: npm run operations`);

/** The operations that `body` runs, gradients and what they call included. */
function namesIn(body) {
  const stop = startProfile();
  body();
  return stop().map(({ op }) => op);
}

function trainOneStep(model, { options, optimizer }) {
  const images = Rng.fromSeed(0).normal([2, options.imageSize, options.imageSize, 3]);
  const labels = tensor(Int32Array.of(0, 1), { dtype: 'i32' });
  const { gradients } = valueAndGradient((model) =>
    crossEntropy(model.forward(images), labels, { labelSmoothing: 0.1 }),
  )(model);
  makeOptimizer({ ...paperTraining, weightDecay: 1e-4, optimizer }).update(model, gradients);
  // Validation.
  model.eval();
  crossEntropy(model.forward(images), labels);
}
