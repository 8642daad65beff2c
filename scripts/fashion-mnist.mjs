/**
 * Trains a network on all of Fashion-MNIST with several seeds, and its float twin with one, and puts what came out into
 * docs/fashion-mnist.md and docs/fashion-mnist.svg.
 *
 *     npm run fashion-mnist
 *     npm run fashion-mnist -- --help
 */
import { join } from 'node:path';
import { openFashionMnist } from './lib/data.mjs';
import {
  code,
  fillIn,
  imagesPerSecondOf,
  machinesOf,
  mean,
  minutesOf,
  spread,
  table,
  thousands,
} from './lib/document.mjs';
import { readFlags, root } from './lib/flags.mjs';
import { curves, writePlot } from './lib/plot.mjs';
import { commandOf, trainAll } from './lib/trainings.mjs';

/** The network and how it is trained. */
const settings = [
  ...['--preset', 'small', '--width', '0.5', '--size', '32', '--resize', '32', '--stem-stride', '2'],
  ...['--epochs', '24', '--batch', '64', '--lr', '1e-2'],
];

const flags = readFlags('fashion-mnist', {
  does: 'Trains a network on all of Fashion-MNIST, and its float twin, and writes docs/fashion-mnist.md.',
  settings,
  seeds: 3,
});
openFashionMnist(flags.idx);

const jobs = [
  ...flags.seeds.map((seed) => ({ name: `seed-${seed}`, flags: [...flags.settings, '--seed', String(seed)] })),
  { name: 'float-twin', flags: [...flags.settings, '--seed', '0', '--precision', 'float'] },
];
for await (const trainings of trainAll(jobs, flags)) {
  const binary = trainings.filter(({ name }) => name !== 'float-twin');
  await write(trainings, binary, trainings[binary.length]);
}

/** Brings the document up to date. The twin is trained last. */
async function write(trainings, binary, twin) {
  await writePlot(join(root, 'docs/fashion-mnist.svg'), {
    ...curves('Fashion-MNIST', [
      ...binary.map((training, seed) => ({ label: `seed ${seed}`, trainings: [training] })),
      ...(twin ? [{ label: 'float twin', trainings: [twin], dashed: true }] : []),
    ]),
    width: 560,
    height: 320,
  });
  await fillIn(
    join(root, 'docs/fashion-mnist.md'),
    [
      '![Top-1 on the validation images after each epoch, of each seed and of the float twin](fashion-mnist.svg)',
      results(binary, twin),
      machinesOf(trainings),
      'Each row is one training. The first is',
      code(commandOf(binary[0].flags)),
      `the twin has \`--precision float\` besides. \`${flags.command}\` runs all of them.`,
    ].join('\n\n'),
  );
}

function results(binary, twin) {
  const top1 = ({ result }) => result.top1;
  return table(
    ['', 'top-1', 'top-5', 'training loss', 'minutes', 'images/s', 'bytes of weights'],
    [
      ...binary.map((training, seed) => [`seed ${seed}`, ...cells([training]), thousands(training.result.bytes)]),
      ...(binary.length > 1 ? [['mean ± deviation', ...cells(binary), thousands(binary[0].result.bytes)]] : []),
      ...(twin ? [['float twin, seed 0', ...cells([twin]), thousands(4 * twin.network.parameters)]] : []),
      ...(twin ? [['gap, in points', (top1(twin) - mean(binary.map(top1))).toFixed(2), '', '', '', '', '']] : []),
    ],
  );
}

function cells(trainings) {
  const of = (value, digits) => spread(trainings.map(value), digits);
  return [
    of(({ result }) => result.top1, 2),
    of(({ result }) => result.top5, 2),
    of(({ result }) => result.trainLoss, 3),
    of(minutesOf, 1),
    of(imagesPerSecondOf, 0),
  ];
}
