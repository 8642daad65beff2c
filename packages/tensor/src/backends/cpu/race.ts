import { Setting } from '../../setting.js';

/** Which kernel a family of equivalent kernels uses in this process, and why. */
export interface KernelChoice {
  /** The common part of the kernels' names, such as `bits_gemm`. */
  readonly family: string;
  /** What distinguishes the chosen one, such as `swizzle`. */
  readonly kernel: string;
  /** Who chose it: the user, the default, or a race, whose times are given. */
  readonly reason: string;
}

/** Part of some work, to be repeated by each of the kernels. */
export interface Sample<K> {
  /** Only times of the same work are compared. */
  readonly key: string;
  readonly run: (kernel: K) => void;
}

/** Kernels of one family, and what is known about them beforehand. */
interface RaceOptions<K> {
  readonly family: string;
  /** The kernels, the default first. */
  readonly kernels: () => readonly K[];
  /** The kernel that the user demands, or null. */
  readonly demanded: () => K | null;
  /** Milliseconds. */
  readonly clock?: () => number;
}

/** There is a heat each time the family has worked for about this long. */
const heatNanoseconds = 2_000_000;

/** In the first heats, engines have not optimized the kernels yet. Only the shortest times count, so that is no harm. */
const heats = 24;

/** The default wins unless another kernel takes less time by this fraction of it, and by two ticks of the clock. */
const margin = 0.05;

/** The races in which kernels have been chosen. */
const begun = new Set<{ readonly choice: KernelChoice }>();

/**
 * Returns the choice of each family of equivalent kernels that has run so far.
 *
 * @example
 * ```ts
 * import { kernelChoices } from '@mobinet/tensor';
 *
 * const [choice] = kernelChoices(); // none until large products of bits have run
 * console.log(choice === undefined || choice.family === 'bits_gemm');
 * // → true
 * ```
 */
export function kernelChoices(): KernelChoice[] {
  return Array.from(begun, (race) => race.choice);
}

/**
 * Chooses among kernels that compute the same bits: which of them is fastest depends on the processor, which web pages
 * cannot know. While a program runs, all of them repeat small parts of its work, in turns, a few tens of microseconds
 * at a time. After 24 heats, about 50 ms of work of this family, the one with the shortest time is chosen. A program
 * that does less has no use for a choice, and runs the default.
 */
export class Race<K extends string> {
  /** For tests: demands a kernel during a function. */
  readonly forced = new Setting<K | null>(null);
  readonly #options: RaceOptions<K>;
  readonly #clock: () => number;
  readonly #times = new Map<K, number>();
  #key: string | null = null;
  #heats = 0;
  #nanosecondsToHeat = heatNanoseconds;
  #winner: K | null = null;

  constructor(options: RaceOptions<K>) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
  }

  /** The kernel that the user demands, or null. */
  get demanded(): K | null {
    const demanded = this.forced.current ?? this.#options.demanded();
    if (demanded !== null) begun.add(this);
    return demanded;
  }

  /**
   * Returns the kernel to use, and runs a heat if it is time for one.
   *
   * @param nanoseconds About how long the work will take.
   * @param sample Part of it, or null if none is small enough. Running it does no harm: the work overwrites its results.
   */
  next(nanoseconds: number, sample: Sample<K> | null): K {
    begun.add(this);
    const [byDefault] = this.#options.kernels();
    if (this.#winner !== null) return this.#winner;
    this.#nanosecondsToHeat -= nanoseconds;
    if (this.#nanosecondsToHeat > 0 || sample === null || pageIsHidden()) return byDefault;
    this.#key ??= sample.key;
    if (sample.key !== this.#key) return byDefault;
    this.#nanosecondsToHeat = heatNanoseconds;
    this.#heat(sample.run);
    if (this.#heats === heats) this.#winner = this.#decide();
    return this.#winner ?? byDefault;
  }

  get choice(): KernelChoice {
    const { family } = this.#options;
    const { demanded } = this;
    if (demanded !== null) return { family, kernel: demanded, reason: 'MOBINET_KERNELS' };
    if (this.#winner === null) return { family, kernel: this.#options.kernels()[0], reason: 'default' };
    const times = Array.from(this.#times, ([kernel, time]) => `${kernel} ${(1000 * time).toFixed(1)} µs`);
    return { family, kernel: this.#winner, reason: `fastest here: ${times.join(', ')}` };
  }

  #heat(run: (kernel: K) => void): void {
    const kernels = this.#options.kernels();
    // Another one begins each time, because the first one may have to fetch the operands into the cache.
    for (let turn = 0; turn < kernels.length; turn++) {
      const kernel = kernels[(this.#heats + turn) % kernels.length];
      const start = this.#clock();
      run(kernel);
      const time = this.#clock() - start;
      this.#times.set(kernel, Math.min(time, this.#times.get(kernel) ?? Number.POSITIVE_INFINITY));
    }
    this.#heats++;
  }

  #decide(): K {
    const [byDefault] = this.#options.kernels();
    const timeOf = (kernel: K): number => this.#times.get(kernel)!;
    const best = [...this.#times.keys()].reduce((best, kernel) => (timeOf(kernel) < timeOf(best) ? kernel : best));
    const gain = timeOf(byDefault) - timeOf(best);
    return gain > Math.max(margin * timeOf(byDefault), 2 * tickOf(this.#clock)) ? best : byDefault;
  }
}

/** The milliseconds by which a clock advances. Browsers round the time. */
function tickOf(clock: () => number): number {
  const start = clock();
  for (let polls = 0; polls < 10_000; polls++) {
    const time = clock();
    if (time > start) return time - start;
  }
  return Number.POSITIVE_INFINITY;
}

/** In a hidden page, the browser may slow everything down. */
const pageIsHidden = (): boolean => (globalThis as { document?: { hidden?: boolean } }).document?.hidden ?? false;
