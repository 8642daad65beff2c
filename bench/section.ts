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
  readonly milliseconds: Readonly<Record<string, number>>;
  /** Billions of multiply-adds per second. */
  readonly gmacPerSecond: Readonly<Record<string, number>>;
  readonly ratios: readonly { readonly name: string; readonly value: number; readonly target?: number }[];
}

/** Times the contenders of a benchmark. Those that do not set a number of threads themselves run on `threads`. */
export async function runBenchmark({ title, ratios }: Section, benchmark: Benchmark, threads: number): Promise<Result> {
  await setThreads(threads);
  const milliseconds = await interleave(benchmark.contenders());
  const rates = Object.entries(milliseconds).map(([name, ms]) => [name, benchmark.multiplyAdds / ms / 1e6]);
  return {
    section: title,
    benchmark: benchmark.name,
    milliseconds,
    gmacPerSecond: Object.fromEntries(rates),
    ratios: ratios.map(({ name, fast, slow, target }) => ({
      name,
      value: milliseconds[slow] / milliseconds[fast],
      ...(target !== undefined && { target }),
    })),
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
