/**
 * Shows what a binary network needs to learn from a thousand photos: trains the preset `photos` on drawn photos, without
 * one after the other of its settings, and its float twin. Writes the results to docs/small-data.md and
 * docs/small-data.svg.
 *
 *     npm run small-data
 *     npm run small-data -- --epochs 40
 *
 * It can be stopped with Ctrl-C; the same command resumes. Finished trainings are not repeated.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { code, fillIn, machinesOf, minutesOf, table } from './lib/document.js';
import { parseFlags, root } from './lib/flags.js';
import { curves, writePlot } from './lib/plot.js';
import { commandOf, type Training, trainAll } from './lib/trainings.js';

const { epochs, runs } = parseFlags({
  epochs: { type: 'string', default: '20' },
  runs: { type: 'string', default: 'runs/small-data' },
});

/** Each row lacks one more of the settings than the one below it. */
const rows: readonly { readonly label: string; readonly flags: readonly string[] }[] = [
  { label: 'γ = 1, padding +1', flags: ['--gamma', '1', '--padding', 'one', '--ema', '0'] },
  { label: 'γ = 0.2, padding +1', flags: ['--padding', 'one', '--ema', '0'] },
  { label: 'γ = 0.2, padding 0', flags: ['--ema', '0'] },
  { label: 'γ = 0.2, padding 0, averages', flags: [] },
  { label: 'float twin of the last', flags: ['--precision', 'float'] },
];

const photos = join(runs, 'photos');
if (!existsSync(photos)) {
  const { status } = spawnSync(process.execPath, [join(root, 'scripts/draw-photos.js'), '--out', photos], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) process.exit(status ?? 1);
}
const jobs = rows.map(({ flags }, index) => ({ name: `row-${index}`, flags: ['--epochs', epochs, ...flags] }));
for await (const trainings of trainAll(jobs, { images: ['--data', photos], runs })) await write(trainings);

/** Updates the document with the rows trained so far. */
async function write(trainings: readonly Training[]): Promise<void> {
  const lines = trainings.map((training, index) => ({ label: rows[index].label, trainings: [training] }));
  await writePlot(join(root, 'docs/small-data.svg'), { ...curves('800 drawn photos', lines), width: 560, height: 320 });
  await fillIn(
    join(root, 'docs/small-data.md'),
    [
      '![Validation top-1 after each epoch, for each row of the table](small-data.svg)',
      table(
        ['', 'top-1', 'training loss', 'validation loss', 'minutes'],
        trainings.map((training, index) => {
          const { top1, trainLoss, valLoss } = training.history.at(-1)!;
          return [
            rows[index].label,
            top1.toFixed(1),
            trainLoss.toFixed(3),
            valLoss.toFixed(3),
            minutesOf(training).toFixed(1),
          ];
        }),
      ),
      machinesOf(trainings),
      '`npm run small-data` trains all rows. The first is',
      code(commandOf('--data', 'photos', ...trainings[0].flags)),
    ].join('\n\n'),
  );
}
