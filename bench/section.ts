import { dispose, setThreads, tidy } from '@mobinet/tensor';
import { type Contender, interleave } from './interleave.js';

/** Benchmarks that compare the same contenders on work of several shapes. */
export interface Section<N extends string = string> {
  readonly title: string;
  /** Explains the contenders to readers of the table. */
  readonly note: string;
  readonly benchmarks: readonly Benchmark<N>[];
  readonly ratios: readonly Ratio<N>[];
}

export interface Benchmark<N extends string = string> {
  readonly name: string;
  /** Multiply-adds per call. On bits, one is an xor and a popcount. */
  readonly multiplyAdds: number;
  /** Bytes read and written per call, for work that is limited by memory. */
  readonly bytes?: number;
  /** Makes the operands, which live until the program ends, and the functions to time. */
  contenders(): Readonly<Record<N, Contender>>;
}

/** How many times faster the contender `fast` is than `slow`. */
export interface Ratio<N extends string = string> {
  readonly name: string;
  readonly fast: N;
  readonly slow: N;
  /** The minimum ratio to reach. */
  readonly target?: number;
}

export interface Result {
  readonly section: string;
  readonly benchmark: string;
  /** The median of each contender. */
  readonly milliseconds: Readonly<Record<string, number>>;
  /** The minimum of each contender, in milliseconds. */
  readonly minima: Readonly<Record<string, number>>;
  /** Billions of multiply-adds per second, from the minima. */
  readonly gmacPerSecond: Readonly<Record<string, number>>;
  /** Billions of bytes read and written per second, from the minima, if the benchmark counts bytes. */
  readonly gigabytesPerSecond?: Readonly<Record<string, number>>;
  readonly ratios: readonly MeasuredRatio[];
  /** The state of the processor before each round (`probe`). */
  readonly probes: readonly number[];
}

/** A ratio of two contenders' times. */
export interface MeasuredRatio {
  readonly name: string;
  /** The ratio of their medians. */
  readonly value: number;
  /** The ratio of their minima. */
  readonly ofMinima: number;
  readonly target?: number;
}

/** Times the contenders of a benchmark. Those that do not set a number of threads themselves run on `threads`. */
export async function runBenchmark({ title, ratios }: Section, benchmark: Benchmark, threads: number): Promise<Result> {
  await setThreads(threads);
  const { bytes } = benchmark;
  const { times, probes } = await interleave(benchmark.contenders());
  const each = (of: (name: string) => number): Record<string, number> =>
    Object.fromEntries(Object.keys(times).map((name) => [name, of(name)]));
  return {
    section: title,
    benchmark: benchmark.name,
    milliseconds: each((name) => times[name].median),
    minima: each((name) => times[name].minimum),
    gmacPerSecond: each((name) => benchmark.multiplyAdds / times[name].minimum / 1e6),
    ...(bytes !== undefined && { gigabytesPerSecond: each((name) => bytes / times[name].minimum / 1e6) }),
    ratios: ratios.map(({ name, fast, slow, target }) => ({
      name,
      value: times[slow].median / times[fast].median,
      ofMinima: times[slow].minimum / times[fast].minimum,
      ...(target !== undefined && { target }),
    })),
    probes,
  };
}

/** A contender that runs on its own number of threads. */
export const onThreads = (threads: number, contender: Contender): Contender => ({
  ...contender,
  prepare: () => setThreads(threads),
});

/** Makes a tensor and frees it, so that its memory is recycled from call to call, as in training. */
export const making = (make: () => { dispose(): void }): Contender & { run(): unknown } => ({
  run: () => dispose(tidy(make)),
});
