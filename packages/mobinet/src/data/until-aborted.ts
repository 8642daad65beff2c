import { dispose } from '@mobinet/tensor';

/**
 * The batches of an epoch until the signal aborts. One that is being waited for then is given up: its images may be on a disk that does
 * not answer.
 */
export async function* untilAborted<T>(
  epoch: AsyncGenerator<T, void, void>,
  signal: AbortSignal = new AbortController().signal,
): AsyncGenerator<T, void, void> {
  let listener = (): void => {};
  const aborted = new Promise<null>((resolve) => {
    listener = () => resolve(null);
  });
  signal.addEventListener('abort', listener);
  let isWaiting = false;
  try {
    while (!signal.aborted) {
      const next = epoch.next();
      isWaiting = true;
      const found = await Promise.race([next, aborted]);
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
    // Ends the work ahead. While a batch is being waited for, that is done after it.
    const end = epoch.return();
    if (isWaiting) end.catch(() => {});
    else await end;
  }
}
