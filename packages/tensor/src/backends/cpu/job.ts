/**
 * Where the dispatcher and its threads meet: words at the start of the shared memory. Those that some write while others look
 * on have cache lines of their own.
 */

/** Odd while a job may be joined, even between jobs; each job counts on. Threads sleep on it. */
export const generationWord = 0;
/** Threads that work on the job at present, the dispatching one not counted. */
export const activeWord = 16;
/** The next chunk that nobody has taken. */
export const chunkWord = 32;
/** Threads asleep: only then does a new job need to wake anybody. */
export const sleepingWord = 48;
/** Set to its number by a helper whose kernel failed. */
export const failedWord = 49;

/** The job itself: which kernel, how many items in chunks of how many, and how many helpers may join. */
export const kernelWord = 64;
export const countWord = 65;
export const grainWord = 66;
export const helpersWord = 67;
/** Scratch memory: helper h (the dispatching thread is 0) has `scratchStride` bytes from scratch + h · scratchStride on. */
export const scratchWord = 68;
export const scratchStrideWord = 69;

/** The parameters of the kernel. */
export const parametersWord = 96;
export const endWord = 512;
