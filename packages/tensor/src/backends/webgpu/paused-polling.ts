/** Milliseconds of a pause: short beside what a software adapter takes for a training step or to compile a kernel. */
const pause = 1;

let pending = 0;
let isScheduled = false;

/**
 * Waits for a promise of Dawn in Node, and lets this thread sleep meanwhile. Dawn asks its driver anew in each turn of the event loop
 * whether it is done, which keeps a core busy. A software adapter needs that core itself: with the pauses, a training step on two
 * cores takes half as much CPU time, and less time.
 */
export async function withPausedPolling<T>(promise: Promise<T>): Promise<T> {
  pending++;
  schedule();
  try {
    return await promise;
  } finally {
    pending--;
  }
}

function schedule(): void {
  if (isScheduled || pending === 0) return;
  isScheduled = true;
  // Made here, since a page that is not isolated imports this file, too, and has no such memory.
  const never = new Int32Array(new SharedArrayBuffer(4));
  setImmediate(() => {
    Atomics.wait(never, 0, 0, pause);
    isScheduled = false;
    schedule();
  });
}
