/**
 * Trains a network on all of Fashion-MNIST with several seeds, and its float twin with one, and writes the results to
 * docs/fashion-mnist.md and docs/fashion-mnist.svg.
 *
 *     npm run fashion-mnist
 *     npm run fashion-mnist -- --help
 */
import { join } from 'node:path';
import { debianFolder, openFashionMnist } from './lib/data.js';
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
} from './lib/document.js';
import { readFlags } from './lib/experiment-flags.js';
import { root } from './lib/flags.js';
import { curves, writePlot } from './lib/plot.js';
import { commandOf, type Training, trainAll } from './lib/trainings.js';

/** Training flags: the network and how it is trained. */
const settings = [
  ...['--preset', 'small', '--width', '0.5', '--size', '32', '--resize', '32', '--stem-stride', '2'],
  ...['--epochs', '24', '--batch', '64', '--lr', '1e-2', '--gamma', '1', '--padding', 'one', '--ema', '0'],
];

const flags = readFlags({
  script: 'fashion-mnist',
  description: 'Trains a network on all of Fashion-MNIST, and its float twin, and writes docs/fashion-mnist.md.',
  settings,
  seeds: 3,
});
openFashionMnist(flags.idx);

const jobs = [
  ...flags.seeds.map((seed) => ({ name: `seed-${seed}`, flags: [...flags.settings, '--seed', String(seed)] })),
  { name: 'float-twin', flags: [...flags.settings, '--seed', '0', '--precision', 'float'] },
];
for await (const trainings of trainAll(jobs, { images: ['--idx', flags.idx], runs: flags.runs }))
  await write(trainings);

/** Updates the document with the trainings done so far. The twin trains last. */
async function write(trainings: readonly Training[]): Promise<void> {
  const binary = trainings.filter(({ name }) => name !== 'float-twin');
  const twin = trainings.find(({ name }) => name === 'float-twin');
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
      '![Validation top-1 after each epoch, for each seed and for the float twin](fashion-mnist.svg)',
      results(binary, twin),
      machinesOf(trainings),
      'Each row is one training. The first is',
      code(commandOf('--idx', debianFolder, ...binary[0].flags)),
      `The twin adds \`--precision float\`. \`${flags.command}\` runs all of them.`,
    ].join('\n\n'),
  );
}

function results(binary: readonly Training[], twin: Training | undefined): string {
  const top1 = ({ result }: Training): number => result.top1;
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

function cells(trainings: readonly Training[]): string[] {
  const cell = (value: (training: Training) => number, digits: number): string => spread(trainings.map(value), digits);
  return [
    cell(({ result }) => result.top1, 2),
    cell(({ result }) => result.top5 ?? 100, 2),
    cell(({ result }) => result.trainLoss, 3),
    cell(minutesOf, 1),
    cell(imagesPerSecondOf, 0),
  ];
}
