/**
 * Repeats the paper's ablations on all of Fashion-MNIST: the placement of a unit's extra convolution, the K-dependency,
 * the activation and the skip connections. Every row trains for the same number of epochs and differs from the base in
 * one option. Writes the results to docs/ablation.md and docs/ablation.svg.
 *
 *     npm run ablation
 *     npm run ablation -- --help
 */
import { join } from 'node:path';
import { debianFolder, openFashionMnist } from './lib/data.js';
import { code, fillIn, imagesPerSecondOf, machinesOf, mean, spread, table, thousands } from './lib/document.js';
import { readFlags } from './lib/experiment-flags.js';
import { root } from './lib/flags.js';
import { curves, grid, lastAgainst, type PlottedLine, writePlot } from './lib/plot.js';
import { commandOf, type Training, trainAll } from './lib/trainings.js';

/**
 * Training flags shared by all rows. The width is the smallest that K = 4 allows. γ starts at 1 and nothing is averaged,
 * as probably in the paper.
 */
const settings = [
  ...['--preset', 'small', '--width', '0.5', '--size', '32', '--resize', '32', '--stem-stride', '2'],
  ...['--epochs', '3', '--batch', '64', '--lr', '1e-2', '--gamma', '1', '--padding', 'one', '--ema', '0'],
];

/** A row of the table: one network, trained with every seed. */
interface Row {
  /** Part of the names of its run folders. */
  readonly name: string;
  readonly label: string;
  /** What it changes relative to `settings`. */
  readonly flags: readonly string[];
}

/** The row that every comparison includes: Mid-block, K = 3, PReLU, skips around every segment. */
const base: Row = { name: 'base', label: 'Mid-block, K = 3, PReLU, skip all', flags: [] };

const row = (label: string, ...flags: string[]): Row => ({
  name: flags.join('-').replaceAll('--', ''),
  label,
  flags,
});

const kRow = (k: number): Row => row(`K = ${k}`, '--k', String(k));

/** The rows of each plot, by their labels in it. */
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
} satisfies Record<string, Readonly<Record<string, Row>>>;
const rows = [...new Set([base, ...Object.values(comparisons).flatMap((variants) => Object.values<Row>(variants))])];

const flags = readFlags({
  script: 'ablation',
  description: "Repeats the paper's ablations on all of Fashion-MNIST and writes docs/ablation.md.",
  settings,
  seeds: 1,
});
openFashionMnist(flags.idx);

// All rows train with one seed before the next seed starts, so stopping early still leaves rows that compare.
const jobs = flags.seeds.flatMap((seed) =>
  rows.map((row) => ({
    row,
    name: `${row.name}-seed-${seed}`,
    flags: [...flags.settings, ...row.flags, '--seed', String(seed)],
  })),
);
for await (const trainings of trainAll(jobs, { images: ['--idx', flags.idx], runs: flags.runs }))
  await write(trainings);

/** Updates the document with the rows trained so far. */
async function write(trainings: readonly Training[]): Promise<void> {
  const trainingsOf = (row: Row): Training[] => trainings.filter((_, index) => jobs[index].row === row);
  const linesOf = (variants: Readonly<Record<string, Row>>): PlottedLine[] =>
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
  const trained = rows
    .map((row) => ({ label: row.label, trainings: trainingsOf(row) }))
    .filter(({ trainings }) => trainings.length > 0);
  await fillIn(
    join(root, 'docs/ablation.md'),
    [
      '![Validation top-1: after each epoch for blocks, activations and skips, after the last for K](ablation.svg)',
      table(
        ['', 'top-1', 'top-5', 'training loss', 'images/s', 'MFLOPs', 'bytes'],
        trained.map(({ label, trainings }) => [label, ...cells(trainings)]),
      ),
      machinesOf(trainings),
      `\`${flags.command}\` trains all rows. The first is`,
      code(commandOf('--idx', debianFolder, ...trainings[0].flags)),
    ].join('\n\n'),
  );
}

function cells(trainings: readonly Training[]): string[] {
  const [{ network, result }] = trainings;
  const top1 = trainings.map(({ result }) => result.top1);
  const top5 = trainings.map(({ result }) => result.top5 ?? 100);
  const loss = trainings.map(({ result }) => result.trainLoss);
  return [
    spread(top1, 2),
    mean(top5).toFixed(2),
    mean(loss).toFixed(3),
    mean(trainings.map(imagesPerSecondOf)).toFixed(0),
    (network.flops / 1e6).toFixed(2),
    thousands(result.bytes),
  ];
}
