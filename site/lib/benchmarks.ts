import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chart, palette } from '../../examples/lib/figure.js';
import { allResults, type Results } from '../../scripts/lib/results.js';

/** A ratio that was measured: how many times faster, or smaller, our implementation is than another. */
interface Measured {
  readonly group: string;
  /** What was compared with what. */
  readonly name: string;
  /** The processor and the date. */
  readonly run: string;
  readonly ratio: number;
}

/**
 * Writes a page of charts with all ratios in `bench/results`: those of each processor and date in one color, so what was
 * measured again shows how it changed.
 *
 * @param folder The folder of the page, `site/benchmarks`.
 */
export async function writeBenchmarks(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const runs = await allResults();
  const measured = runs.flatMap(measuredIn);
  const groups = [...new Set(measured.map(({ group }) => group))];
  const sections = await Promise.all(
    groups.map(async (group, index) => {
      const file = `${index}.svg`;
      await writeFile(
        join(folder, file),
        await draw(
          measured.filter((one) => one.group === group),
          runs.map(runOf),
        ),
      );
      return `## ${capital(group)}\n\n![${capital(group)}: each ratio as a point, by processor and date](${file})\n`;
    }),
  );
  await writeFile(join(folder, 'index.md'), `${introduction(runs)}\n${sections.join('\n')}`);
}

const introduction = (runs: readonly Results[]): string => `# Benchmarks

How many times faster we are than others at the same work or, for memory, how many times less we use: to the right of
the line at 1 we are ahead. The axis is logarithmic. Every run that was ever saved in \`bench/results\` is shown in a color
of its own. [Performance](../../docs/performance.md) has the figures themselves, and says how they are measured.

${runs.map((run) => `- ${runOf(run)}: ${run.node}, ${run.processors} threads`).join('\n')}
`;

const runOf = ({ cpu, date }: Results): string => `${cpu}, ${date}`;

const capital = (text: string): string => text[0].toUpperCase() + text.slice(1);

function measuredIn(results: Results): Measured[] {
  const run = runOf(results);
  return [
    ...results.kernels.flatMap(({ section, benchmark, ratios }) =>
      ratios.map(({ name, value, ofMinima }) => ({
        group: section,
        name: `${benchmark}, ${name}`,
        run,
        ratio: ofMinima ?? value,
      })),
    ),
    ...results.rows.flatMap(({ group, name, threads, ratios }) =>
      ratios.map((ratio) => ({
        group,
        name: `${name}, ${threads === 1 ? '1 thread' : `${threads} threads`}, ${ratio.name}`,
        run,
        ratio: ratio.ofMinima ?? ratio.value,
      })),
    ),
  ];
}

/** A point for each ratio, in the order of the results, and a line at 1. */
function draw(values: readonly Measured[], runs: readonly string[]): Promise<string> {
  const names = [...new Set(values.map(({ name }) => name))];
  return chart({
    data: { values: [...values] },
    width: 300,
    height: { step: 20 },
    layer: [
      { mark: { type: 'rule', strokeDash: [4, 3] }, encoding: { x: { datum: 1 } } },
      {
        mark: { type: 'point', filled: true, size: 70, opacity: 1 },
        encoding: {
          y: { field: 'name', type: 'nominal', sort: names, title: null, axis: { labelLimit: 420, grid: true } },
          x: { field: 'ratio', type: 'quantitative', scale: { type: 'log' }, title: 'times faster, or smaller' },
          color: {
            field: 'run',
            type: 'nominal',
            title: null,
            scale: { domain: [...runs], range: Object.values(palette) },
            legend: { orient: 'top', columns: 1, labelLimit: 0 },
          },
        },
      },
    ],
  });
}
