import { formatTable } from 'mobinet/cli';
import { type GpuResult, hoursOfImageNet } from './gpu.js';
import type { MeasuredRatio, Result, Section } from './section.js';

/**
 * A table of milliseconds, ratios and the state of the processor for one section: minima, and medians in parentheses. A
 * ratio that misses its target shows the target.
 */
export function formatSection({ title, note }: Section, results: readonly Result[]): string {
  const [first] = results;
  const contenders = Object.keys(first.milliseconds);
  const ratios = first.ratios.map(({ name }) => name);
  const head = ['', ...contenders.map((name) => `${name} ms`), 'GMAC/s', ...ratios, 'additions/ns'];
  const rows = results.map((result) => [
    result.benchmark,
    ...contenders.map((name) => `${result.minima[name].toPrecision(3)} (${result.milliseconds[name].toPrecision(3)})`),
    result.gmacPerSecond[contenders[0]].toFixed(1),
    ...result.ratios.map(formatRatio),
    formatProbes(result.probes),
  ]);
  return [title, ...(note ? [note] : []), '', formatTable(head, rows)].join('\n');
}

function formatRatio({ value, ofMinima, target }: MeasuredRatio): string {
  const text = `${ofMinima.toFixed(2)}× (${value.toFixed(2)}×)`;
  return target !== undefined && Math.min(value, ofMinima) < target ? `${text} (target ${target})` : text;
}

/** The lowest and the highest state of the processor. */
export const formatProbes = (probes: readonly number[]): string =>
  `${Math.min(...probes).toFixed(2)}–${Math.max(...probes).toFixed(2)}`;

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
