import { dispose, setThreads, tidy } from '@mobinet/tensor';
import { type Contender, interleave } from './interleave.js';

/** Benchmarks that compare the same contenders on work of several shapes. */
export interface Section<N extends string = string> {
  readonly title: string;
  /** What the contenders are, for readers of the table. */
  readonly note: string;
  readonly benchmarks: readonly Benchmark<N>[];
  readonly ratios: readonly Ratio<N>[];
}

export interface Benchmark<N extends string = string> {
  readonly name: string;
  /** Multiply-adds of one call; on bits, one is an xor and a popcount. */
  readonly multiplyAdds: number;
  /** Makes the operands, which stay until the program ends. */
  contenders(): Readonly<Record<N, Contender>>;
}

/** How many times faster one contender is than another. */
export interface Ratio<N extends string = string> {
  readonly name: string;
  readonly fast: N;
  readonly slow: N;
  /** What we aim at, at least. */
  readonly target?: number;
}

export interface Result {
  readonly section: string;
  readonly benchmark: string;
  readonly milliseconds: Readonly<Record<string, number>>;
  /** Billions of multiply-adds a second. */
  readonly gmacPerSecond: Readonly<Record<string, number>>;
  readonly ratios: readonly { readonly name: string; readonly value: number; readonly target?: number }[];
}

/** Contenders that say nothing else run on so many threads. */
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

/** For contenders on another number of threads than the rest. */
export const onThreads = (threads: number, contender: Contender): Contender => ({
  ...contender,
  prepare: () => setThreads(threads),
});

/** Makes a tensor and gives its memory back, so that it is recycled from call to call, as in training. */
export const making = (make: () => { dispose(): void }): Contender => ({ run: () => dispose(tidy(make)) });
