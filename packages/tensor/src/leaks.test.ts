import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { zeros } from './create.js';
import { reportLeaks } from './leaks.js';
import { tidy } from './scope.js';

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Collects until `done`: finalizers run when the engine likes. */
async function collectUntil(done: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 50 && !done(); attempt++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function leakSome(): void {
  zeros([2, 3]);
  zeros([4]).label = 'units.3.weight';
}

function leakNone(): void {
  zeros([5]).dispose();
  tidy(() => void zeros([6]));
}

test('names tensors that were lost undisposed, and only those', async () => {
  const held = zeros([7]);
  const leaks: string[] = [];
  const stop = reportLeaks((description) => leaks.push(description));
  leakSome();
  leakNone();
  const alsoHeld = zeros([8]);
  await collectUntil(() => leaks.length >= 2);
  await collectUntil(() => leaks.length > 2);
  stop();
  leaks.sort();
  expect(leaks).toHaveLength(2);
  expect(leaks[0]).toMatch(/^a tensor of shape \[2, 3\] was never disposed\. It was made\n/);
  expect(leaks[1]).toMatch(/^units\.3\.weight of shape \[4\] was never disposed\. It was made\n/);
  expect(leaks[0]).toContain('leakSome');
  expect([held.disposed, alsoHeld.disposed]).toEqual([false, false]);
});

test('says nothing unless asked', async () => {
  const leaks: string[] = [];
  reportLeaks((description) => leaks.push(description))();
  leakSome();
  await collectUntil(() => leaks.length > 0);
  expect(leaks).toEqual([]);
});
