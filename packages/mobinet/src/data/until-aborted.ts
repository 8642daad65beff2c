import { dispose } from '@mobinet/tensor/functions';

/**
 * Yields the batches of an epoch until the signal aborts. A batch that is still pending then is abandoned, since its
 * images may be on a disk that does not respond.
 */
export async function* untilAborted<T>(
  epoch: AsyncGenerator<T, void, void>,
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<T, void, void> {
  let stopWaiting = (): void => {};
  const listener = (): void => stopWaiting();
  signal.addEventListener('abort', listener);
  let isWaiting = false;
  try {
    while (!signal.aborted) {
      const next = epoch.next();
      isWaiting = true;
      // Not a race with a promise of the abort: that promise would keep every batch until the epoch ends.
      const found = await new Promise<IteratorResult<T, void> | null>((resolve, reject) => {
        stopWaiting = () => resolve(null);
        next.then(resolve, reject);
      });
      if (found === null) {
        next.then(({ value }) => value && dispose(value)).catch(() => {});
        return;
      }
      isWaiting = false;
      if (found.done) return;
      yield found.value;
    }
  } finally {
    signal.removeEventListener('abort', listener);
    // Stops decoding ahead. A pending batch delays this, so it is not awaited then.
    const end = epoch.return();
    if (isWaiting) end.catch(() => {});
    else await end;
  }
}
