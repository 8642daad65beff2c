/**
 * The words at the start of the shared memory through which the dispatcher and its threads communicate. Words that one
 * thread writes while others poll are on separate cache lines.
 */

/** Odd while a job can be joined, even between jobs. Incremented at each transition. Idle threads sleep on it. */
export const generationWord = 0;
/** The number of helpers that are working on the job. */
export const activeWord = 16;
/** The index of the next chunk to take. */
export const chunkWord = 32;
/** The number of sleeping threads. Only if there are any does a new job have to wake them. */
export const sleepingWord = 48;
/** The index of a helper whose kernel has failed, or 0. */
export const failedWord = 49;

/** The job: the kernel's id, the number of items, the items per chunk, and the number of helpers that may join. */
export const kernelWord = 64;
export const countWord = 65;
export const grainWord = 66;
export const helpersWord = 67;
/** Scratch memory: helper h has the scratchStride bytes at scratch + h · scratchStride; 0 is the dispatching thread. */
export const scratchWord = 68;
export const scratchStrideWord = 69;

/** The kernel's parameters, one word each, up to `endWord`. */
export const parametersWord = 96;
export const endWord = 512;
