/**
 * Repeats the paper's comparisons on all of Fashion-MNIST: where the extra convolution of a unit stands, the
 * K-dependency, the activation, the skip connections. Each row trains as long as the others, and differs from the base
 * in one thing. Puts what came out into docs/ablation.md and docs/ablation.svg.
 *
 *     npm run ablation
 *     npm run ablation -- --help
 */
import { join } from 'node:path';
import { openFashionMnist } from './lib/data.mjs';
import { code, fillIn, imagesPerSecondOf, machinesOf, mean, spread, table, thousands } from './lib/document.mjs';
import { readFlags, root } from './lib/flags.mjs';
import { curves, grid, lastAgainst, writePlot } from './lib/plot.mjs';
import { commandOf, trainAll } from './lib/trainings.mjs';

/** How each row is trained. The width is the least that K = 4 can have. */
const settings = [
  ...['--preset', 'small', '--width', '0.5', '--size', '32', '--resize', '32', '--stem-stride', '2'],
  ...['--epochs', '3', '--batch', '64', '--lr', '1e-2'],
];

/** The row that all comparisons share: Mid-block, K = 3, PReLU, skips around every segment. */
const base = { name: 'base', label: 'Mid-block, K = 3, PReLU, skip all', flags: [] };

const row = (label, ...flags) => ({ name: flags.join('-').replaceAll('--', ''), label, flags });

/** What each comparison draws: under which name, which row. */
const comparisons = {
  block: {
    none: row('no extra block', '--block', 'none'),
    'Pre-block': row('Pre-block', '--block', 'pre'),
    'Mid-block': base,
    'Post-block': row('Post-block', '--block', 'post'),
  },
  k: { 0: kRow(0), 1: kRow(1), 2: kRow(2), 3: base, 4: kRow(4) },
  activation: { PReLU: base, ReLU: row('ReLU', '--activation', 'relu') },
  skip: {
    none: row('skip none', '--skip', 'none'),
    'same-shape': row('skip same-shape', '--skip', 'same-shape'),
    figure: row('skip figure', '--skip', 'figure'),
    all: base,
  },
};
const rows = [...new Set([base, ...Object.values(comparisons).flatMap((variants) => Object.values(variants))])];

const flags = readFlags('ablation', {
  does: "Repeats the paper's comparisons on all of Fashion-MNIST, and writes docs/ablation.md.",
  settings,
  seeds: 1,
});
openFashionMnist(flags.idx);

// A whole round with one seed comes before the next seed: whoever stops early has equal rows.
const jobs = flags.seeds.flatMap((seed) =>
  rows.map((row) => ({
    row,
    name: `${row.name}-seed-${seed}`,
    flags: [...flags.settings, ...row.flags, '--seed', String(seed)],
  })),
);
for await (const trainings of trainAll(jobs, flags)) await write(trainings);

/** Brings the document up to date, with the rows that are trained. */
async function write(trainings) {
  const trainingsOf = (row) => trainings.filter((_, index) => jobs[index].row === row);
  const linesOf = (variants) =>
    Object.entries(variants)
      .map(([label, row]) => ({ label, trainings: trainingsOf(row) }))
      .filter(({ trainings }) => trainings.length > 0);
  const { block, k, activation, skip } = comparisons;
  await writePlot(
    join(root, 'docs/ablation.svg'),
    grid([
      curves('Extra convolution of a unit', linesOf(block)),
      lastAgainst('K-dependency, after the last epoch', 'K: groups of 2ᴷ channels', linesOf(k)),
      curves('Activation', linesOf(activation)),
      curves('Skip connections', linesOf(skip)),
    ]),
  );
  const trained = rows.map((row) => [row.label, trainingsOf(row)]).filter(([, trainings]) => trainings.length > 0);
  await fillIn(
    join(root, 'docs/ablation.md'),
    [
      '![Top-1 on the validation images: after each epoch for blocks, activations and skips, after the last for K](ablation.svg)',
      table(
        ['', 'top-1', 'top-5', 'training loss', 'images/s', 'MFLOPs', 'bytes'],
        trained.map(([label, trainings]) => [label, ...cells(trainings)]),
      ),
      machinesOf(trainings),
      `\`${flags.command}\` runs all of them. The first is`,
      code(commandOf(trainings[0].flags)),
    ].join('\n\n'),
  );
}

function kRow(k) {
  return row(`K = ${k}`, '--k', String(k));
}

function cells(trainings) {
  const [{ network, result }] = trainings;
  const of = (value) => trainings.map(value);
  return [
    spread(
      of(({ result }) => result.top1),
      2,
    ),
    mean(of(({ result }) => result.top5)).toFixed(2),
    mean(of(({ result }) => result.trainLoss)).toFixed(3),
    mean(of(imagesPerSecondOf)).toFixed(0),
    (network.flops / 1e6).toFixed(2),
    thousands(result.bytes),
  ];
}
