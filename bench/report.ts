import { formatTable } from 'mobinet/cli';
import { type GpuResult, hoursOfImageNet } from './gpu.js';
import type { Result, Section } from './section.js';

/** A table of milliseconds and ratios for one section. A ratio that misses its target shows the target. */
export function formatSection({ title, note }: Section, results: readonly Result[]): string {
  const [first] = results;
  const contenders = Object.keys(first.milliseconds);
  const head = ['', ...contenders.map((name) => `${name} ms`), 'GMAC/s', ...first.ratios.map(({ name }) => name)];
  const rows = results.map(({ benchmark, milliseconds, gmacPerSecond, ratios }) => [
    benchmark,
    ...contenders.map((name) => milliseconds[name].toPrecision(3)),
    gmacPerSecond[contenders[0]].toFixed(1),
    ...ratios.map(formatRatio),
  ]);
  return [title, ...(note ? [note] : []), '', formatTable(head, rows)].join('\n');
}

function formatRatio({ value, target }: Result['ratios'][number]): string {
  const text = `${value.toFixed(2)}×`;
  return target !== undefined && value < target ? `${text} (target ${target})` : text;
}

/** A table of all work on a GPU, a table of kernels for work that has their times, and an estimate for ImageNet. */
export function formatGpuResults(results: readonly GpuResult[]): string {
  const rows = results.map(({ name, milliseconds, teraOperationsPerSecond, imagesPerSecond }) => [
    name,
    milliseconds.toPrecision(3),
    teraOperationsPerSecond?.toPrecision(3) ?? '–',
    imagesPerSecond?.toFixed(imagesPerSecond < 10 ? 1 : 0) ?? '–',
  ]);
  const { imageNetHours } = hoursOfImageNet(results);
  return [
    formatTable(['', 'ms', 'tera-operations/s', 'images/s'], rows),
    ...results.flatMap(({ name, kernels }) => (kernels ? ['', name, formatKernels(kernels)] : [])),
    ...(imageNetHours ? ['', `50 epochs of ImageNet: ${imageNetHours.toFixed(1)} hours`] : []),
  ].join('\n');
}

function formatKernels(kernels: NonNullable<GpuResult['kernels']>): string {
  const rows = kernels.map(({ kernel, runs, milliseconds }) => [kernel, runs, milliseconds.toFixed(3)]);
  return formatTable(['kernel', 'runs', 'ms'], rows);
}
