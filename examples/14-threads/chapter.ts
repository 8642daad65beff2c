/**
 * Threads that share memory and work, and still compute the same bits, however many they are.
 *
 *     npm run chapter 14
 *
 * Shows that the order of additions changes a sum of floats, lets worker threads take chunks of an array from an atomic
 * counter, divides the array in a wrong and in a right way, and checks that the library's kernels return the same bits
 * on one, two and three threads.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { bitMatmul, conv2d, matmul, packBits, Rng, setThreads, softmax, sum, type Tensor, tidy } from '@mobinet/tensor';
import { createJob, type Job, sumOf, takeChunks } from './job.js';

// 1. Float addition is not associative. An f32 has 24 significant bits, so near 10⁸ it can only be a multiple of 8.
const f32 = Math.fround;
console.log(`(10⁸ − 10⁸) + 1 = ${f32(f32(1e8 - 1e8) + 1)}`);
console.log(`10⁸ + (−10⁸ + 1) = ${f32(1e8 + f32(-1e8 + 1))}`);

// 2. Numbers in memory that all threads see. Plain arrays would be copied to each worker.
const count = 1_000_000;
const numbers = new Float32Array(new SharedArrayBuffer(4 * count));
tidy(() => numbers.set(Rng.fromSeed(14).uniform([count]).values));

/** Sums the numbers by several threads, this one included. Returns the sum, and how many chunks each thread took. */
async function sumByThreads(threads: number, grain: number): Promise<{ total: number; taken: number[] }> {
  const job = createJob(numbers, grain);
  const start = new Int32Array(new SharedArrayBuffer(4));
  const helpers = Array.from({ length: threads - 1 }, () => startHelper(job, start));
  await Promise.all(helpers.map((helper) => once(helper, 'message')));
  const results = helpers.map(async (helper) => (await once(helper, 'message'))[0] as number);
  // Opens the job, and wakes the helpers, which sleep on this word.
  Atomics.store(start, 0, 1);
  Atomics.notify(start, 0);
  const own = takeChunks(job);
  const taken = [own, ...(await Promise.all(results))];
  // All chunks are done. Their sums are added in the order of the chunks, not in that of the threads.
  return { total: sumOf(job.sums), taken };
}

const startHelper = (job: Job, start: Int32Array): Worker =>
  new Worker(new URL('./helper.js', import.meta.url), { workerData: { job, start } });

// 3. Wrong: the size of a piece depends on the number of threads. Right: it depends on the array alone.
const grain = 62_500;
console.log(`\nthe sum of ${count.toLocaleString('en')} numbers, and its bits`);
console.log('threads   a piece for each thread   chunks of 62,500');
const totals: number[] = [];
for (const threads of [1, 2, 3]) {
  const pieces = await sumByThreads(threads, Math.ceil(count / threads));
  const chunks = await sumByThreads(threads, grain);
  totals.push(chunks.total);
  console.log(`${String(threads).padStart(7)}   ${shown(pieces.total).padEnd(23)}   ${shown(chunks.total)}`);
  if (threads === 3) console.log(`(the three threads took ${chunks.taken.join(', ')} of the 16 chunks)`);
}
if (new Set(totals).size > 1) throw new Error(`the sums of chunks differ: ${totals}`);

/** A number, and its 32 bits in hexadecimal. */
function shown(total: number): string {
  const bits = new Uint32Array(Float32Array.of(total).buffer)[0];
  return `${total.toFixed(2)}  ${bits.toString(16)}`;
}

// 4. The library does the same with its kernels, whose chunks depend on shapes alone.
const rng = Rng.fromSeed(15);
const [a, b, filter] = [rng.normal([256, 512]), rng.normal([512, 256]), rng.normal([32, 3, 3, 16])];
const image = rng.normal([4, 32, 32, 16]);
const operations: Record<string, () => Tensor> = {
  matmul: () => matmul(a, b),
  conv2d: () => conv2d(image, filter, { padding: 'same' }),
  'sum over rows': () => sum(image, { axes: [0, 1, 2] }),
  softmax: () => softmax(a),
  bitMatmul: () => bitMatmul(packBits(a), packBits(a)) as unknown as Tensor,
};
console.log();
for (const [name, operation] of Object.entries(operations)) {
  const results: Int32Array[] = [];
  for (const threads of [1, 2, 3]) {
    await setThreads(threads);
    results.push(tidy(() => new Int32Array(operation().values.slice().buffer)));
  }
  const [one, ...others] = results;
  if (!others.every((bits) => bits.every((word, i) => word === one[i]))) throw new Error(`${name}: the bits differ`);
  console.log(
    `${name.padEnd(14)} ${one.length.toLocaleString('en').padStart(7)} numbers: the same bits on 1, 2 and 3 threads`,
  );
}
