import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { zeros } from './create.js';
import { reportLeaks } from './leaks.js';
import { add } from './ops/elementwise/binary.js';
import { keep, tidy } from './scope.js';

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

/** Returns the line of the tensor that it leaks. */
function leakOnKnownLine(): number {
  const { stack } = new Error();
  tidy(() => void keep(add(zeros([9]), 1)));
  return Number(/leakOnKnownLine.*:(\d+):\d+/.exec(stack!)![1]) + 1;
}

test('names the line that made the tensor, whatever of the library is between', async () => {
  const leaks: string[] = [];
  const stop = reportLeaks((description) => leaks.push(description));
  const line = leakOnKnownLine();
  await collectUntil(() => leaks.length >= 1);
  stop();
  const [first, second] = leaks[0].split('\n');
  expect(first).toMatch(
    /^a tensor of shape \[9\] was never disposed\. It was made at .*leaks\.test\.[jt]s:\d+:\d+\)?$/,
  );
  expect(Number(/:(\d+):\d+\)?$/.exec(first)![1])).toBe(line);
  expect(second).toContain('watchForLeak');
});

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
  expect(leaks[0]).toMatch(/^a tensor of shape \[2, 3\] was never disposed\. It was made at leakSome /);
  expect(leaks[1]).toMatch(/^units\.3\.weight of shape \[4\] was never disposed\. It was made at leakSome /);
  expect([held.disposed, alsoHeld.disposed]).toEqual([false, false]);
});

test('reports nothing after it is stopped', async () => {
  const leaks: string[] = [];
  reportLeaks((description) => leaks.push(description))();
  leakSome();
  await collectOnceMore();
  expect(leaks).toEqual([]);
});
