import type { Handle } from './handle.js';

/** The cost of an op, summed over all its calls. */
export interface OpProfile {
  /** The name of the op. */
  readonly op: string;
  /** How often it was called. */
  readonly calls: number;
  /** The time of all calls, exclusive of the ops that they called. */
  readonly milliseconds: number;
  /** The size of all inputs and outputs in bytes: the least that it had to read and write. */
  readonly bytes: number;
  /** Counted for convolutions and matrix products; exclusive of nested ops, like the time. */
  readonly multiplyAdds: number;
  /** Billions of multiply-adds per second; null if none are counted. */
  readonly gmacPerSecond: number | null;
}

/** A call as the profiler sees it. */
export interface ProfiledCall {
  readonly name: string;
  readonly inputs: readonly Handle[];
  readonly outputs: readonly Handle[];
  readonly multiplyAdds: number;
}

/** The cost of one or more calls. */
interface Cost {
  milliseconds: number;
  multiplyAdds: number;
}

interface Total extends Cost {
  calls: number;
  bytes: number;
}

/** Measures the ops that are run through `time`. */
export class Profiler {
  readonly #totals = new Map<string, Total>();
  /** The cost so far of the ops that the current one has called. */
  #inner: Cost = { milliseconds: 0, multiplyAdds: 0 };

  time(call: ProfiledCall, run: () => void): void {
    const outer = this.#inner;
    this.#inner = { milliseconds: 0, multiplyAdds: 0 };
    const start = performance.now();
    try {
      run();
    } finally {
      const milliseconds = performance.now() - start;
      // An op that only delegates to others has no multiply-adds of its own.
      const multiplyAdds = Math.max(call.multiplyAdds, this.#inner.multiplyAdds);
      this.#add(call, {
        milliseconds: milliseconds - this.#inner.milliseconds,
        multiplyAdds: multiplyAdds - this.#inner.multiplyAdds,
      });
      this.#inner = {
        milliseconds: outer.milliseconds + milliseconds,
        multiplyAdds: outer.multiplyAdds + multiplyAdds,
      };
    }
  }

  #add({ name, inputs, outputs }: ProfiledCall, { milliseconds, multiplyAdds }: Cost): void {
    const total = this.#totals.get(name) ?? { calls: 0, milliseconds: 0, bytes: 0, multiplyAdds: 0 };
    total.calls++;
    total.milliseconds += milliseconds;
    for (const { block } of [...inputs, ...outputs]) total.bytes += block.byteLength;
    total.multiplyAdds += multiplyAdds;
    this.#totals.set(name, total);
  }

  /** Returns the cost of each op, the most expensive first. */
  report(): OpProfile[] {
    return Array.from(this.#totals, ([op, total]) => ({
      op,
      ...total,
      gmacPerSecond: total.multiplyAdds > 0 ? total.multiplyAdds / total.milliseconds / 1e6 : null,
    })).sort((a, b) => b.milliseconds - a.milliseconds);
  }
}
