import type { Handle } from './handle.js';

/** What an op has cost, over all its calls. */
export interface OpProfile {
  readonly op: string;
  readonly calls: number;
  /** Without what other ops took that it called. */
  readonly milliseconds: number;
  /** Bytes of all inputs and outputs: what it had at least to read and write. */
  readonly bytes: number;
  /** Counted for convolutions and matrix products, without those of nested ops, as above. */
  readonly multiplyAdds: number;
  /** Billions of multiply-adds a second; null where none are counted. */
  readonly gmacPerSecond: number | null;
}

/** A call as the profiler sees it. */
export interface ProfiledCall {
  readonly name: string;
  readonly inputs: readonly Handle[];
  readonly outputs: readonly Handle[];
  readonly multiplyAdds: number;
}

/** What a call took, or several. */
interface Cost {
  milliseconds: number;
  multiplyAdds: number;
}

interface Total extends Cost {
  calls: number;
  bytes: number;
}

/** Times ops as long as it is running. */
export class Profiler {
  readonly #totals = new Map<string, Total>();
  /** What those ops have taken that the current one called. */
  #inner: Cost = { milliseconds: 0, multiplyAdds: 0 };

  time(call: ProfiledCall, run: () => void): void {
    const outer = this.#inner;
    this.#inner = { milliseconds: 0, multiplyAdds: 0 };
    const start = performance.now();
    try {
      run();
    } finally {
      const milliseconds = performance.now() - start;
      // An op that leaves its work to others has none of its own.
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

  /** The most expensive first. */
  report(): OpProfile[] {
    return Array.from(this.#totals, ([op, total]) => ({
      ...{ op, ...total },
      gmacPerSecond: total.multiplyAdds > 0 ? total.multiplyAdds / total.milliseconds / 1e6 : null,
    })).sort((a, b) => b.milliseconds - a.milliseconds);
  }
}
