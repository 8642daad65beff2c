import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { zeros } from './create.js';
import { reportLeaks } from './leaks.js';
import { tidy } from './scope.js';

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

/**
 * Collects garbage until `done`, because the engine decides when finalizers run. A collection takes up to a second in a
 * process with many tests.
 */
async function collectUntil(done: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 50 && !done(); attempt++) await collect();
}

/** Collects a few more times, to let surplus reports appear. */
async function collectOnceMore(): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) await collect();
}

async function collect(): Promise<void> {
  collectGarbage();
  await new Promise((resolve) => setTimeout(resolve, 5));
}

function leakSome(): void {
  zeros([2, 3]);
  zeros([4]).label = 'units.3.weight';
}

function leakNone(): void {
  zeros([5]).dispose();
  tidy(() => void zeros([6]));
}

test('reports tensors that were collected without being disposed, and only those', async () => {
  const held = zeros([7]);
  const leaks: string[] = [];
  const stop = reportLeaks((description) => leaks.push(description));
  leakSome();
  leakNone();
  const alsoHeld = zeros([8]);
  await collectUntil(() => leaks.length >= 2);
  await collectOnceMore();
  stop();
  leaks.sort();
  expect(leaks).toHaveLength(2);
  expect(leaks[0]).toMatch(/^a tensor of shape \[2, 3\] was never disposed\. It was created\n/);
  expect(leaks[1]).toMatch(/^units\.3\.weight of shape \[4\] was never disposed\. It was created\n/);
  expect(leaks[0]).toContain('leakSome');
  expect([held.disposed, alsoHeld.disposed]).toEqual([false, false]);
});

test('reports nothing after it is stopped', async () => {
  const leaks: string[] = [];
  reportLeaks((description) => leaks.push(description))();
  leakSome();
  await collectOnceMore();
  expect(leaks).toEqual([]);
});
