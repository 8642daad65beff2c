import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { memory, zeros } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { untilAborted } from './until-aborted.js';

describe('untilAborted', () => {
  /** Four batches, the third of which waits for `late`. */
  async function* batches(late: Promise<void>, ended: string[]) {
    try {
      for (let index = 0; index < 4; index++) {
        if (index === 2) await late;
        yield { index, images: zeros([1]) };
      }
    } finally {
      ended.push('ended');
    }
  }

  async function indices(
    epoch: ReturnType<typeof batches>,
    signal: AbortSignal | undefined,
    abort = -1,
    hook = () => {},
  ) {
    const seen: number[] = [];
    for await (const { index, images } of untilAborted(epoch, signal)) {
      images.dispose();
      seen.push(index);
      if (index === abort) hook();
    }
    return seen;
  }

  test('yields all batches if nothing aborts', async () => {
    const ended: string[] = [];
    expect(await indices(batches(Promise.resolve(), ended), undefined)).toEqual([0, 1, 2, 3]);
    expect(ended).toEqual(['ended']);
  });

  test('stops decoding ahead if aborted between two batches, or before the first', async () => {
    const ended: string[] = [];
    const controller = new AbortController();
    const epoch = batches(Promise.resolve(), ended);
    expect(await indices(epoch, controller.signal, 1, () => controller.abort())).toEqual([0, 1]);
    expect(ended).toEqual(['ended']);
    expect(await indices(batches(Promise.resolve(), ended), controller.signal)).toEqual([]);
  });

  test('does not wait for a batch that may never arrive, and frees it if it does', async () => {
    const before = memory().tensors;
    const ended: string[] = [];
    let arrive = (): void => {};
    const late = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const controller = new AbortController();
    const epoch = batches(late, ended);
    expect(await indices(epoch, controller.signal, 1, () => setImmediate(() => controller.abort()))).toEqual([0, 1]);
    expect(ended).toEqual([]);
    arrive();
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toEqual(['ended']);
    expect(memory().tensors).toBe(before);
  });

  test('keeps no batch after the loop is done with it', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage: () => void = runInNewContext('gc');
    async function* records() {
      for (let index = 0; index < 10; index++) yield { index };
    }
    const seen: WeakRef<object>[] = [];
    for await (const record of untilAborted(records(), new AbortController().signal)) {
      seen.push(new WeakRef(record));
      await nextTurn();
      collectGarbage();
      // The current one, and perhaps the one before, which may still be in a register.
      expect(seen.filter((reference) => reference.deref()).length).toBeLessThanOrEqual(2);
    }
    expect(seen).toHaveLength(10);
  });
});
