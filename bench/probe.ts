import { setTimeout } from 'node:timers/promises';
import { tensor } from '@mobinet/tensor';
import { forRange, i32, Kernel, store } from '@mobinet/tensor/kernels';

// The state of the processor while something is measured: how fast it does the simplest thing that there is.

const additions = 8_000_000;
const additionsPerIteration = 100;

/** A chain of additions in which each one waits for the one before, so that a processor does one per clock cycle. */
const chain = new Kernel('addition_chain', { result: i32, step: i32 }, ({ result, step }) => {
  const sum = i32.variable(0, 'sum');
  forRange(0, i32.const(additions / additionsPerIteration), 1, () => {
    for (let i = 0; i < additionsPerIteration; i++) sum.set(sum.add(step));
  });
  store(result, sum);
});

/**
 * Additions per nanosecond, one after the other: the clock rate in GHz that the processor has for this program. It is
 * lower if the processor is slowed down, and while other programs, or other machines on the same host, use it.
 */
export function probe(): number {
  const result = tensor([0], { dtype: 'i32' });
  const start = performance.now();
  chain.run({ result, step: 3 }, 1);
  const nanoseconds = 1e6 * (performance.now() - start);
  result.dispose();
  return additions / nanoseconds;
}

/** Runs the probe until its optimized code is ready, which V8 compiles in the background after the first calls. */
export async function warmUpProbe(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    probe();
    await setTimeout(20);
  }
}
