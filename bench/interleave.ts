import { measure } from 'mitata';
import { type Spread, spreadOfTurns } from './median.js';
import { probe, warmUpProbe } from './probe.js';

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
  time(milliseconds: number): Promise<Spread>;
}

export interface Interleaved<N extends string = string> {
  /** The milliseconds per call of each contender. */
  readonly times: Readonly<Record<N, Spread>>;
  /** The state of the processor before each round: additions per nanosecond (see `probe`). */
  readonly probes: readonly number[];
}

/**
 * Times contenders in turns, so that a temporary slowdown of the machine affects all of them.
 *
 * @param milliseconds The minimum duration of a turn.
 */
export async function interleave<N extends string>(
  contenders: Readonly<Record<N, Contender>>,
  { rounds = 5, milliseconds = 60 }: { rounds?: number; milliseconds?: number } = {},
): Promise<Interleaved<N>> {
  const names = Object.keys(contenders) as N[];
  const turns = new Map<N, Spread[]>(names.map((name) => [name, []]));
  const probes: number[] = [];
  await warmUpProbe();
  for (let round = 0; round < rounds; round++) {
    probes.push(probe());
    for (const name of names) {
      const contender = contenders[name];
      await contender.prepare?.();
      turns
        .get(name)!
        .push('time' in contender ? await contender.time(milliseconds) : await time(contender, milliseconds));
    }
  }
  const times = names.map((name) => [name, spreadOfTurns(turns.get(name)!)]);
  return { times: Object.fromEntries(times) as Record<N, Spread>, probes };
}

async function time({ run }: Runner, milliseconds: number): Promise<Spread> {
  const { min, p50 } = await measure(run, { min_samples: 3, min_cpu_time: milliseconds * 1e6, warmup_samples: 1 });
  return { minimum: min / 1e6, median: p50 / 1e6 };
}
