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
  const unit = first.gigabytesPerSecond ? 'GB/s' : 'GMAC/s';
  const head = ['', ...contenders.map((name) => `${name} ms`), unit, ...ratios, 'additions/ns'];
  const rows = results.map((result) => [
    result.benchmark,
    ...contenders.map((name) => `${result.minima[name].toPrecision(3)} (${result.milliseconds[name].toPrecision(3)})`),
    (result.gigabytesPerSecond ?? result.gmacPerSecond)[contenders[0]].toFixed(1),
    ...result.ratios.map(formatRatio),
    formatProbes(result.probes),
  ]);
  return [title, ...(note ? [note] : []), '', formatTable(head, rows)].join('\n');
}

function formatRatio({ value, ofMinima, target }: MeasuredRatio): string {
  const text = `${ofMinima.toFixed(2)}× (${value.toFixed(2)}×)`;
  return target !== undefined && Math.min(value, ofMinima) < target
    ? `${text} (target ${target.toPrecision(2)})`
    : text;
}

/** The lowest and the highest state of the processor. */
export const formatProbes = (probes: readonly number[]): string =>
  `${Math.min(...probes).toFixed(2)}–${Math.max(...probes).toFixed(2)}`;

/** A table of all work on a GPU, a table of kernels for work that has their times, and an estimate for ImageNet. */
export function formatGpuResults(results: readonly GpuResult[]): string {
  const rows = results.map(({ name, milliseconds, minimum, gigabytesPerSecond, ...rates }) => [
    name,
    milliseconds.toPrecision(3),
    minimum.toPrecision(3),
    gigabytesPerSecond?.toPrecision(3) ?? '–',
    rates.teraOperationsPerSecond?.toPrecision(3) ?? '–',
    rates.imagesPerSecond?.toFixed(rates.imagesPerSecond < 10 ? 1 : 0) ?? '–',
  ]);
  const { imageNetHours } = hoursOfImageNet(results);
  const copyRate = results.find(({ gigabytesPerSecond }) => gigabytesPerSecond !== undefined)?.gigabytesPerSecond;
  return [
    formatTable(['', 'median ms', 'minimum ms', 'GB/s', 'tera-operations/s', 'images/s'], rows),
    ...results.flatMap((result) => (result.torch ? ['', formatTorch(result, result.torch)] : [])),
    ...results.flatMap(({ name, kernels }) => (kernels ? ['', name, formatKernels(kernels, copyRate)] : [])),
    ...(imageNetHours ? ['', `50 epochs of ImageNet: ${imageNetHours.toFixed(1)} hours`] : []),
  ].join('\n');
}

/** A table of the float twin in PyTorch. A ratio above 1 means that ours is faster. */
function formatTorch({ name, milliseconds }: GpuResult, torch: NonNullable<GpuResult['torch']>): string {
  const rows = Object.entries(torch).map(([variant, time]) => [
    variant,
    time.milliseconds.toPrecision(3),
    time.minimum.toPrecision(3),
    `${(time.milliseconds / milliseconds).toFixed(2)}×`,
  ]);
  return formatTable([`${name}: float twin in PyTorch`, 'median ms', 'minimum ms', 'ours is'], rows);
}

/** A table of kernels. `copyRate` is the rate of a plain copy in GB/s, if it was measured. */
function formatKernels(kernels: NonNullable<GpuResult['kernels']>, copyRate: number | undefined): string {
  const rows = kernels.map(({ kernel, runs, milliseconds, bytes }) => {
    const rate = bytes / milliseconds / 1e6;
    const ofCopy = copyRate ? `${((100 * rate) / copyRate).toFixed(0)} %` : '–';
    return [kernel, runs, milliseconds.toFixed(3), rate.toFixed(1), ofCopy];
  });
  return formatTable(['kernel', 'runs', 'ms', 'GB/s', 'of a copy'], rows);
}
