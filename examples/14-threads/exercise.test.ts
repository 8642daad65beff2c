import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { fc, test } from '@fast-check/vitest';
import { Rng } from '@mobinet/tensor';
import { afterEach, describe, expect, vi } from 'vitest';
import { exercise } from '../lib/exercise.js';

const { sumInAnyOrder, countBytes, raiseTo } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

/** Calls a function of the exercises on several threads at once. Each has its own list of calls. */
async function callOnThreads(name: string, callsOfThreads: readonly unknown[][][]): Promise<void> {
  const start = new Int32Array(new SharedArrayBuffer(4));
  const script = new URL('./exercise-thread.js', import.meta.url);
  const threads = callsOfThreads.map((calls) => new Worker(script, { workerData: { name, calls, start } }));
  await Promise.all(threads.map((thread) => once(thread, 'message')));
  const ends = threads.map((thread) => once(thread, 'exit'));
  Atomics.store(start, 0, 1);
  Atomics.notify(start, 0);
  await Promise.all(ends);
}

const shared = (length: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * length));

/** Atomics for words of 32 bits, to be spied on. */
const atomics = Atomics as unknown as Record<
  'add' | 'compareExchange',
  (words: Int32Array, ...numbers: number[]) => number
>;

afterEach(() => void vi.restoreAllMocks());

describe('1. a sum in any order', () => {
  const chunks = 7;
  const numbers = Float32Array.from({ length: 650 }, (_, i) => 1 / (i + 1));
  const orders = fc.shuffledSubarray(
    Array.from({ length: chunks }, (_, chunk) => chunk),
    { minLength: chunks },
  );

  test.prop([orders], { numRuns: 20 })('has the same bits as in the order of the chunks', (order) => {
    const inOrder = Array.from({ length: chunks }, (_, chunk) => chunk);
    expect(sumInAnyOrder(numbers, 100, order)).toBe(sumInAnyOrder(numbers, 100, inOrder));
  });

  test('rounds after each addition', () => {
    // 2²⁴ + 1 is no f32, so in chunks of two the second 1 is lost, and then the third.
    expect(sumInAnyOrder(Float32Array.of(2 ** 24, 1, 1, 1), 2, [1, 0])).toBe(2 ** 24 + 2);
    expect(sumInAnyOrder(Float32Array.of(2 ** 24, 1, 1, 1), 1, [3, 2, 1, 0])).toBe(2 ** 24);
  });
});

describe('2. a histogram', () => {
  test('by one thread, which writes to shared words by Atomics.add only', () => {
    const [counts, next] = [shared(256), shared(1)];
    const add = vi.spyOn(atomics, 'add');
    countBytes(Uint8Array.of(3, 250, 3, 0, 3), counts, next, 2);
    const added = (words: Int32Array): number =>
      add.mock.calls.reduce((sum, [array, , count]) => sum + (array === words ? count : 0), 0);
    expect([counts[0], counts[3], counts[250]]).toEqual([1, 3, 1]);
    expect(counts.reduce((sum, count) => sum + count)).toBe(5);
    // On an idle machine, counts[byte]++ may lose no count by luck.
    expect(added(counts), 'what Atomics.add has added to counts').toBe(5);
    expect(added(next), 'what Atomics.add has added to next').toBe(next[0]);
    expect(next[0], 'the next chunk').toBeGreaterThanOrEqual(3);
  });

  test('by three threads, which take every chunk once and lose no count', async () => {
    const length = 1_000_000;
    const bytes = new Uint8Array(new SharedArrayBuffer(length));
    const rng = Rng.fromSeed(14);
    // Few values, so that the threads often count the same one at the same time.
    for (let i = 0; i < length; i++) bytes[i] = rng.integer(4);
    const expected = new Array<number>(4).fill(0);
    for (const byte of bytes) expected[byte]++;
    const [counts, next] = [shared(256), shared(1)];
    await callOnThreads('countBytes', new Array(3).fill([[bytes, counts, next, 1000]]));
    expect([...counts.slice(0, 4)]).toEqual(expected);
  });
});

describe('3. a maximum of floats', () => {
  const bits = (value: number): number => new Int32Array(Float32Array.of(value).buffer)[0];
  const floatOf = (words: Int32Array): number => new Float32Array(words.slice().buffer)[0];

  // Without −0, since Math.max takes it for less than 0.
  const floats = fc.float({ noNaN: true }).map((value) => value + 0);

  test.prop([fc.array(floats, { minLength: 1 })], { numRuns: 50 })('by one thread', (values) => {
    const largest = shared(1);
    largest[0] = bits(-Infinity);
    for (const value of values) raiseTo(largest, value);
    expect(floatOf(largest)).toBe(Math.fround(Math.max(...values)));
  });

  test.each([
    { value: 5, found: 7 },
    { value: 9, found: 9 },
  ])('raised to $value, while another thread raises it from 1 to 7: $found', ({ value, found }) => {
    const largest = shared(1);
    largest[0] = bits(1);
    const { compareExchange } = atomics;
    // The other thread is faster: it writes its 7 between our reading of the 1 and our exchange.
    vi.spyOn(atomics, 'compareExchange').mockImplementationOnce((...args) => {
      largest[0] = bits(7);
      return compareExchange(...args);
    });
    raiseTo(largest, value);
    expect(floatOf(largest)).toBe(found);
  });

  test('by three threads at once', async () => {
    const largest = shared(1);
    largest[0] = bits(-Infinity);
    // Each thread counts up, in steps of three, to −1, −2 or −3.
    const calls = [1, 2, 3].map((last) => Array.from({ length: 5000 }, (_, i) => [largest, 3 * (i - 4999) - last]));
    await callOnThreads('raiseTo', calls);
    expect(floatOf(largest)).toBe(-1);
  });
});
