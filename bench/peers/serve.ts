import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { spreadOf } from '@mobinet/bench/median';

/**
 * The other side of `Server`: says that it is ready, and answers each line of input. Returns at its end.
 *
 * @param answer Does the work of a request for some seconds and returns the times in milliseconds.
 */
export async function serve<R extends { seconds: number }>(answer: (request: R) => Promise<number[]>): Promise<void> {
  console.log('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    const times = await answer(JSON.parse(line) as R);
    console.log(JSON.stringify({ ...spreadOf(times), mebibytes: peakMemory() }));
  }
}

/** The times of all runs within some seconds, at least three, in milliseconds. */
export async function timeFor(seconds: number, run: () => unknown): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + 1000 * seconds;
  while (times.length < 3 || performance.now() < end) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return times;
}

/**
 * The peak memory of this process in MiB. On Linux, `resourceUsage` counts the memory of the process that started this
 * one, too, so /proc is read.
 */
export function peakMemory(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS / 1024;
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024;
}
