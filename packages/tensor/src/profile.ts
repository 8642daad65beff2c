import type { AnyTensor } from './op.js';

/** What an op has cost, over all its calls. */
export interface OpProfile {
  readonly op: string;
  readonly calls: number;
  /** Without what other ops took that it called. */
  readonly milliseconds: number;
  /** Bytes of all inputs and outputs: what it had at least to read and write. */
  readonly bytes: number;
  /** Of ops that count them: convolutions and products of matrices. */
  readonly multiplyAdds: number;
  /** Billions of multiply-adds a second; null where none are counted. */
  readonly gmacPerSecond: number | null;
}

/** A call as the profiler sees it. */
export interface ProfiledCall {
  readonly name: string;
  readonly inputs: readonly AnyTensor[];
  readonly outputs: readonly AnyTensor[];
  readonly multiplyAdds: number;
}

interface Total {
  calls: number;
  milliseconds: number;
  bytes: number;
  multiplyAdds: number;
}

/** Times ops as long as it is running. */
export class Profiler {
  readonly #totals = new Map<string, Total>();
  /** Time that ops called by the current one have taken. */
  #inner = 0;

  time(call: ProfiledCall, run: () => void): void {
    const outer = this.#inner;
    this.#inner = 0;
    const start = performance.now();
    try {
      run();
    } finally {
      const elapsed = performance.now() - start;
      this.#add(call, elapsed - this.#inner);
      this.#inner = outer + elapsed;
    }
  }

  #add({ name, inputs, outputs, multiplyAdds }: ProfiledCall, milliseconds: number): void {
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
