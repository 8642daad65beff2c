import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesInUse } from '../../block.js';
import { KernelError } from '../../errors.js';
import { matmul } from '../../ops/matmul/matmul.js';
import { Rng } from '../../random.js';
import { tidy } from '../../scope.js';
import { atomicAdd, forever, forRange, i32, select, store, when } from '../../wasm/assembler.js';
import { setHelperTimeout } from './dispatch.js';
import { withTemporary } from './heap.js';
import { Kernel } from './kernel.js';
import { wordsAt } from './memory.js';
import { setThreads, threadCount } from './threads.js';

/** The threads that were started, as reported by Node. */
const workers: Worker[] = [];
beforeAll(() => void process.on('worker', (worker) => workers.push(worker)));

afterAll(async () => {
  await setThreads(1);
});

/** Records which thread processed each item: 1 for the dispatching thread, 2 for a helper. Each item takes a while. */
const whoDidIt = new Kernel(
  'test_who_did_it',
  { own: i32, counter: i32, target: i32 },
  ({ own, counter, target }, from, to, scratch) => {
    forRange(from, to, 1, (item) => {
      forRange(0, i32.const(20_000), 1, () => store(counter, atomicAdd(counter, i32.const(1), 64)));
      store(target.add(item.mul(4)), select(own.eq(scratch), i32.const(1), i32.const(2)));
    });
  },
);

/** Stores the address of its scratch memory: with a single item, that of the dispatching thread. */
const scratchOf = new Kernel('test_scratch', { target: i32 }, ({ target }, _from, _to, scratch) =>
  store(target, scratch),
);

function ownScratch(): number {
  return withTemporary(4, (target) => {
    // Scratch memory moves when a job has more threads than any before, so run such a job first.
    scratchOf.run({ target }, 100, { grain: 1, scratch: 4 });
    scratchOf.run({ target }, 1, { scratch: 4 });
    return wordsAt(target, 1)[0];
  });
}

/** Runs a kernel until helpers take part, because kernels do not wait for threads that are starting or compiling. */
async function untilHelped(): Promise<Set<number>> {
  const seen = new Set<number>();
  for (let tries = 0; tries < 100 && !seen.has(2); tries++) {
    withTemporary(256 + 400, (memory) => {
      whoDidIt.run({ own: ownScratch(), counter: memory, target: memory + 256 }, 100, { grain: 1, scratch: 4 });
      for (const who of wordsAt(memory + 256, 100)) seen.add(who);
    });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return seen;
}

describe('setThreads', () => {
  test('rejects an invalid number of threads', async () => {
    for (const bad of [0, -1, 1.5, Number.NaN]) await expect(setThreads(bad)).rejects.toThrow(RangeError);
  });

  test('starts threads that take part in kernels, or keeps them idle', async () => {
    await setThreads(3);
    expect(threadCount()).toBe(3);
    expect([...(await untilHelped())].sort()).toEqual([1, 2]);
    await setThreads(1);
    withTemporary(256 + 400, (memory) => {
      whoDidIt.run({ own: ownScratch(), counter: memory, target: memory + 256 }, 100, { grain: 1, scratch: 4 });
      expect(new Set(wordsAt(memory + 256, 100))).toEqual(new Set([1]));
    });
  });

  test('does not change a bit of a result', async () => {
    const rng = Rng.fromSeed(1);
    const [a, b] = [rng.normal([300, 200]), rng.normal([200, 250])];
    const results = [];
    for (const threads of [1, 2, 3]) {
      await setThreads(threads);
      if (threads > 1) await untilHelped();
      for (let time = 0; time < 5; time++) results.push(tidy(() => [...matmul(a, b).values]));
    }
    for (const result of results) expect(result).toEqual(results[0]);
  });
});

describe('a thread that fails', () => {
  test('in a kernel causes an error that names it, and leaks no memory', async () => {
    await setThreads(2);
    await untilHelped();
    const before = bytesInUse();
    // Writes outside the memory, except on the dispatching thread.
    const faulty = new Kernel('test_faulty', { own: i32 }, ({ own }, from, to, scratch) => {
      forRange(from, to, 1, () => {
        forRange(0, i32.const(100_000), 1, () => store(scratch, i32.load(scratch).add(1)));
        when(own.ne(scratch), () => store(i32.const(-4), i32.const(1)));
      });
    });
    const run = () => {
      for (let time = 0; time < 1000; time++) faulty.run({ own: ownScratch() }, 50, { grain: 1, scratch: 64 });
    };
    expect(run).toThrow(
      new KernelError(
        'kernel test_faulty: failed in thread 1. The result is lost. setThreads(n) restarts the threads.',
      ),
    );
    expect(bytesInUse()).toBe(before);
  });

  test('does not prevent kernels from running afterwards, on one thread or with new ones', async () => {
    expect(threadCount()).toBe(1);
    const [x, y] = [Rng.fromSeed(1).normal([200, 100]), Rng.fromSeed(2).normal([100, 80])];
    const alone = tidy(() => [...matmul(x, y).values]);
    await setThreads(2);
    expect(await untilHelped()).toContain(2);
    expect(tidy(() => [...matmul(x, y).values])).toEqual(alone);
  });

  test('to return causes an error after a while, instead of a hang', async () => {
    await setThreads(2);
    await untilHelped();
    setHelperTimeout(300);
    try {
      const hanging = new Kernel('test_hanging', { own: i32 }, ({ own }, from, to, scratch) => {
        forRange(from, to, 1, () => {
          forRange(0, i32.const(100_000), 1, () => store(scratch, i32.load(scratch).add(1)));
          when(own.ne(scratch), () => forever(() => {}));
        });
      });
      const run = () => {
        for (let time = 0; time < 1000; time++) hanging.run({ own: ownScratch() }, 50, { grain: 1, scratch: 64 });
      };
      expect(run).toThrow(/^kernel test_hanging: a thread did not finish within 0\.3 s: it has died or hangs\./);
    } finally {
      setHelperTimeout(20_000);
    }
  });

  /** Starts one helper, and terminates it while no kernel is running. */
  async function dieBetweenKernels(): Promise<void> {
    workers.length = 0;
    await setThreads(2);
    await untilHelped();
    expect(workers).toHaveLength(1);
    const exit = once(workers[0], 'exit');
    await workers[0].terminate();
    await exit;
  }

  test('between kernels causes an error that names the next one', async () => {
    await dieBetweenKernels();
    const run = () =>
      withTemporary(656, (memory) =>
        whoDidIt.run({ own: 0, counter: memory, target: memory + 256 }, 100, { grain: 1 }),
      );
    expect(run).toThrow(/^kernel test_who_did_it: thread 1 has died \(exit code 1\)\./);
    expect(run).not.toThrow();
  });

  test('is replaced by setThreads, even if no kernel has noticed yet', async () => {
    await dieBetweenKernels();
    await setThreads(2);
    expect(await untilHelped()).toContain(2);
  });
});

describe('a program', () => {
  const tensorUrl = JSON.stringify(new URL('../../index.js', import.meta.url).href);
  const kernelsUrl = JSON.stringify(new URL('../../kernels.js', import.meta.url).href);
  const run = (code: string): string =>
    execFileSync(process.execPath, ['--input-type=module', '-e', code], {
      encoding: 'utf8',
      timeout: 30_000,
      // Only fast kernels use threads.
      env: { ...process.env, MOBINET_KERNELS: 'fast' },
    }).trim();
  const work = `
    const { setThreads, threadCount, matmul, Rng, zeros } = await import(${tensorUrl});
    const product = () => matmul(Rng.fromSeed(1).normal([300, 200]), Rng.fromSeed(2).normal([200, 300])).values;`;

  test('ends although its threads are still running', () => {
    expect(run(`${work} await setThreads(3); product(); product(); console.log(threadCount());`)).toBe('3');
  });

  test('starts one thread per processor automatically, without waiting for them', () => {
    expect(
      run(`${work} product(); console.log(threadCount() === (await import('node:os')).availableParallelism());`),
    ).toBe('true');
  });

  test('has all threads after awaiting setThreads, even if a kernel started them and the event loop never turns again', () => {
    const distinctScratch = `
      const { Kernel, forRange, i32, store, withTemporary, wordsAt } = await import(${kernelsUrl});
      const where = new Kernel('test_where', { target: i32 }, ({ target }, from, to, scratch) =>
        forRange(from, to, 1, (item) => {
          forRange(0, i32.const(20_000), 1, () => store(scratch, i32.load(scratch).add(1)));
          store(target.add(item.mul(4)), scratch);
        }),
      );
      const places = () => withTemporary(400, (target) => {
        where.run({ target }, 100, { grain: 1, scratch: 4 });
        return new Set(wordsAt(target, 100)).size;
      });`;
    const waited = `
      const threads = threadCount();
      product();
      await setThreads(threads);
      const end = performance.now() + 10_000;
      let most = 0;
      while (most < 2 && performance.now() < end) most = Math.max(most, places());
      console.log(threads === 1 || most > 1);`;
    expect(run(`${work} ${distinctScratch} ${waited}`)).toBe('true');
  });

  // Simulates a page that is not cross-origin isolated: it has no SharedArrayBuffer class, but can create shared
  // memories.
  const notIsolated = 'globalThis.crossOriginIsolated = false; delete globalThis.SharedArrayBuffer;';

  test('computes the same on one thread if memory cannot be shared', () => {
    // The memory also grows, which must not affect typed arrays over it.
    const checksum = `
      const values = product();
      const hasGrown = zeros([3000, 1000]).values.buffer.byteLength > values.buffer.byteLength;
      console.log(hasGrown, threadCount(), values.reduce((sum, value, i) => sum + value * (i % 7), 0));`;
    const alone = run(`${notIsolated} ${work} await setThreads(4); ${checksum}`);
    expect(alone).toMatch(/^true 1 /);
    expect(alone).toBe(run(`${work} await setThreads(1); ${checksum}`));
  });

  test.each([
    ['rejects', "constructor() { throw new Error('no workers here'); }", 'no workers here'],
    ['cannot load', 'constructor() { setTimeout(() => this.onerror({})); }', 'its script, helper.js, cannot be loaded'],
  ])('continues on one thread, with a single warning, if a browser %s threads', (_, body, reason) => {
    const inBrowser = `process.getBuiltinModule = undefined; globalThis.Worker = class { ${body} postMessage() {} terminate() {} };`;
    const steps = `
      console.warn = console.log;
      await setThreads(3);
      await new Promise((resolve) => setTimeout(resolve, 10));
      console.log(product().length, threadCount());`;
    expect(run(`${inBrowser} ${work} ${steps}`).split('\n')).toEqual([
      `kernels run on one thread, because no other could be started: ${reason}`,
      'See docs/help.md#one-thread',
      '90000 1',
    ]);
  });
});
