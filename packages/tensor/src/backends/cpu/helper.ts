import { isNode } from '../../environment.js';
import * as job from './job.js';
import type { SharedMemory } from './memory.js';
import type { HelperMessage } from './threads.js';

// The script of a helper thread: waits for jobs in the shared memory, and takes chunks until none are left. See
// dispatch.ts.

const runs = new Map<number, (scratch: number) => void>();
let memory: SharedMemory;
let words: Int32Array;
let index = 0;
/** The last generation that this thread has handled. */
let seen = 0;

function receive(message: HelperMessage): void {
  if ('memory' in message) {
    ({ memory, index } = message);
    words = new Int32Array(memory.buffer, 0, job.endWord);
    return;
  }
  for (const { id, module } of message.kernels) {
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    runs.set(id, exports.run as (scratch: number) => void);
  }
  help();
}

/**
 * Works on jobs until one needs a kernel that is unknown here. Its module is then waiting as a message, and messages
 * are only delivered after this function returns.
 */
function help(): void {
  for (;;) {
    const generation = nextJob();
    Atomics.add(words, job.activeWord, 1);
    // The words describe this job only if it was joined in time.
    const joined = Atomics.load(words, job.generationWord) === generation;
    const run = runs.get(words[job.kernelWord]);
    if (joined && run && index <= words[job.helpersWord]) work(run);
    Atomics.sub(words, job.activeWord, 1);
    Atomics.notify(words, job.activeWord);
    if (joined) seen = generation;
    if (joined && !run) return;
  }
}

function work(run: (scratch: number) => void): void {
  try {
    run(words[job.scratchWord] + index * words[job.scratchStrideWord]);
  } catch {
    Atomics.store(words, job.failedWord, index);
  }
}

/**
 * The number of polls for a job before sleeping. They take a few tenths of a millisecond, because jobs follow each
 * other closely within a training step.
 */
const spins = 20_000;

function nextJob(): number {
  for (;;) {
    let generation = Atomics.load(words, job.generationWord);
    for (let i = 0; i < spins; i++) {
      if (generation % 2 !== 0 && generation !== seen) return generation;
      generation = Atomics.load(words, job.generationWord);
    }
    Atomics.add(words, job.sleepingWord, 1);
    Atomics.wait(words, job.generationWord, generation);
    Atomics.sub(words, job.sleepingWord, 1);
  }
}

if (isNode) {
  process.getBuiltinModule('node:worker_threads').parentPort!.on('message', receive);
} else {
  (globalThis as { onmessage?: (event: { data: HelperMessage }) => void }).onmessage = ({ data }) => receive(data);
}
