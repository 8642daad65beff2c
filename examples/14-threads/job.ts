/** A sum that several threads compute together. All arrays lie in memory that the threads share. */
export interface Job {
  readonly numbers: Float32Array;
  /** The size of a chunk. */
  readonly grain: number;
  /** The sum of each chunk. */
  readonly sums: Float32Array;
  /** A single number: the next chunk to take. */
  readonly next: Int32Array;
}

/** Creates a job, with arrays in shared memory. */
export function createJob(numbers: Float32Array, grain: number): Job {
  const chunks = Math.ceil(numbers.length / grain);
  return {
    numbers,
    grain,
    sums: new Float32Array(new SharedArrayBuffer(4 * chunks)),
    next: new Int32Array(new SharedArrayBuffer(4)),
  };
}

/** Takes chunks until none are left, as every thread does. Returns how many it took. */
export function takeChunks({ numbers, grain, sums, next }: Job): number {
  for (let taken = 0; ; taken++) {
    // Adds 1 and returns the value before it in one step, so no two threads get the same chunk.
    const chunk = Atomics.add(next, 0, 1);
    if (chunk >= sums.length) return taken;
    sums[chunk] = sumOf(numbers.subarray(chunk * grain, (chunk + 1) * grain));
  }
}

/** Sums numbers from first to last, and rounds after each addition, as hardware does with f32. */
export function sumOf(numbers: Float32Array): number {
  let total = 0;
  for (const number of numbers) total = Math.fround(total + number);
  return total;
}
