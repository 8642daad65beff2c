/** The length of a pause in ms: short compared with a training step or a compilation on a software adapter. */
const pause = 1;

let pending = 0;
let isScheduled = false;

/**
 * Awaits a promise of Dawn in Node, and lets this thread sleep in between. Dawn polls its driver in each turn of the
 * event loop, which keeps a core busy that a software adapter needs itself. With the pauses, a training step on two
 * cores takes half as much CPU time, and also less wall time.
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
  // Not created at import: a page that is not cross-origin isolated also imports this file, but has no shared memory.
  const never = new Int32Array(new SharedArrayBuffer(4));
  setImmediate(() => {
    Atomics.wait(never, 0, 0, pause);
    isScheduled = false;
    schedule();
  });
}
