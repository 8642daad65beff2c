import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openBlasKernels, processorOf } from '../bench/machine.js';
import { spreadOfTurns } from '../bench/median.js';
import { root } from './lib/flags.js';
import { merge, nameOf, type Results } from './lib/results.js';
import { tablesOf } from './lib/results-tables.js';

const folder = join(root, 'bench/results');
const read = (name: string): Results => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Results;

const row = (name: string, ours: number) => ({
  group: 'step',
  name,
  threads: 1,
  unit: 'ms',
  figures: { ours, peer: 2 },
  minima: { ours, peer: 1.5 },
  ratios: [{ name: 'vs peer', value: 2 / ours, ofMinima: 1.5 / ours, target: 1.7 }],
  probes: [3.2, 3.5, 2],
});

const results: Results = {
  date: '2026-01-02',
  cpu: 'AMD EPYC (family 25, model 17)',
  processors: 2,
  node: 'Node v1',
  versions: { a: '1' },
  kernels: [],
  rows: [row('small', 1), row('large', 1)],
};

describe('results', () => {
  test('are in files that are named after their processor and date', () => {
    const files = readdirSync(folder);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect(`${nameOf(read(file))}.json`).toBe(file);
    expect(nameOf(results)).toBe('amd-epyc-family-25-model-17-2026-01-02');
  });

  test('of work that is measured again replace the earlier ones, and others stay', () => {
    const again = { ...results, versions: { b: '2' }, rows: [row('large', 0.5), row('new', 3)] };
    const { rows, versions } = merge(results, again);
    expect(rows.map(({ name, figures }) => [name, figures.ours])).toEqual([
      ['small', 1],
      ['large', 0.5],
      ['new', 3],
    ]);
    expect(versions).toEqual({ a: '1', b: '2' });
  });

  test('show minima before medians, and a ratio in bold only if both reach the target', () => {
    const text = tablesOf({ ...results, rows: [row('slow', 1), row('fast', 0.75)] }, '##');
    expect(text).toContain('| slow | 1.00 (1.00) | 1.50 (2.00) | 1.50× (2.00×; target 1.7) | 2.00–3.50 |');
    expect(text).toContain('| fast | 0.750 (0.750) | 1.50 (2.00) | **2.00×** (2.67×; target 1.7) | 2.00–3.50 |');
  });

  test('of all files are in the documents', () => {
    const documents = [
      readFileSync(join(root, 'docs/performance.md'), 'utf8'),
      ...readdirSync(join(root, 'docs/performance')).map((name) =>
        readFileSync(join(root, 'docs/performance', name), 'utf8'),
      ),
    ];
    for (const file of readdirSync(folder)) {
      const tables = [tablesOf(read(file), '###'), tablesOf(read(file), '##')];
      expect(documents.some((text) => tables.some((table) => text.includes(table)))).toBe(true);
    }
  });
});

describe('a processor', () => {
  const cpuInfo =
    'processor\t: 0\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nflags\t\t: fma avx2\n\nprocessor\t: 1\n';

  test('has its family and model in its name, where Linux tells them, and its features', () => {
    const { name, features } = processorOf('AMD EPYC', cpuInfo);
    expect(name).toBe('AMD EPYC (family 25, model 17)');
    expect([...features]).toEqual(['fma', 'avx2']);
    expect(processorOf('Apple M1', '')).toEqual({ name: 'Apple M1', features: new Set() });
  });

  test('without AVX-512 never gets the kernels of OpenBLAS that need it', () => {
    const kernels = (...features: string[]) => openBlasKernels({ features: new Set(features) });
    const avx512 = ['avx512f', 'avx512cd', 'avx512bw', 'avx512dq', 'avx512vl'];
    expect(kernels('avx2', 'fma', ...avx512)).toEqual({ OPENBLAS_CORETYPE: 'SkylakeX' });
    expect(kernels('avx2', 'fma', ...avx512.slice(1))).toEqual({ OPENBLAS_CORETYPE: 'Haswell' });
    expect(kernels('sse2')).toEqual({});
  });
});

test('turns have the minimum of all and the median of medians', () => {
  const turns = [3, 1, 2].map((value) => ({ minimum: value, median: 10 * value }));
  expect(spreadOfTurns(turns)).toEqual({ minimum: 1, median: 20 });
});
