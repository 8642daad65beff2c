import { measure } from 'mitata';
import { median } from './median.js';

/** One implementation of some work: a function that runs it, or one that times it elsewhere, as in another process. */
export type Contender = (Runner | Timer) & {
  /** Called before each turn, for example to set the number of threads. */
  prepare?(): unknown;
};

interface Runner {
  /** Does the work once and frees its results. */
  run(): unknown;
}

interface Timer {
  /** Repeats the work for about this many milliseconds. Returns the milliseconds per run. */
  time(milliseconds: number): Promise<number>;
}

/**
 * Times contenders in turns, so that a temporary slowdown of the machine affects all of them.
 *
 * @param milliseconds The minimum duration of a turn.
 * @returns The milliseconds per call of each: the median over its turns of mitata's median within a turn.
 */
export async function interleave<N extends string>(
  contenders: Readonly<Record<N, Contender>>,
  { rounds = 5, milliseconds = 60 }: { rounds?: number; milliseconds?: number } = {},
): Promise<Record<N, number>> {
  const names = Object.keys(contenders) as N[];
  const times = new Map<N, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const contender = contenders[name];
      await contender.prepare?.();
      times
        .get(name)!
        .push('time' in contender ? await contender.time(milliseconds) : await time(contender, milliseconds));
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times.get(name)!)])) as Record<N, number>;
}

async function time({ run }: Runner, milliseconds: number): Promise<number> {
  const { p50 } = await measure(run, { min_samples: 3, min_cpu_time: milliseconds * 1e6, warmup_samples: 1 });
  return p50 / 1e6;
}
