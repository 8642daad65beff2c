import assert from 'node:assert/strict';
import { tidy, zeros } from '@mobinet/tensor';
import fc from 'fast-check';
import type { Communicator, PendingExchange } from './communicator.js';
import type { ExchangeBuffer } from './exchange-buffer.js';

// What each method of a communicator must give, by its definition. All ranks run the same tests in the same order.

const types = { Float32Array, Float64Array, Int32Array, Uint32Array, Uint8Array };

interface Case {
  readonly type: keyof typeof types;
  /** The numbers in a block. Small arrays are on V8's own heap, and large messages take another path through MPI. */
  readonly length: number;
  /** Whether the numbers are in the shared memory of tensors. */
  readonly isTensor: boolean;
  /** Distinguishes the numbers of this test from those of others. */
  readonly key: number;
}

const cases: fc.Arbitrary<Case> = fc.record({
  type: fc.constantFrom(...(Object.keys(types) as (keyof typeof types)[])),
  length: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 10_000 })),
  isTensor: fc.boolean(),
  key: fc.integer({ min: 0, max: 250 }),
});

/**
 * Checks all exchanges against their definitions, on numbers that are the same in each run.
 * @throws AssertionError if one is wrong.
 */
export function checkExchanges(ranks: Communicator, numRuns: number): void {
  // Without shrinking, since another rank may not have failed.
  const parameters = { seed: 1, numRuns, endOnFailure: true };
  for (const check of [checkBroadcast, checkAllGather, checkInPlace, checkGather, checkAllToAll, checkPending]) {
    fc.assert(
      fc.property(cases, (test) => tidy(() => check(ranks, test))),
      parameters,
    );
  }
}

function checkBroadcast(ranks: Communicator, test: Case): void {
  const buffer = sentBy(ranks.rank, test);
  ranks.broadcast(buffer);
  expectNumbers(buffer, (i) => numberOf(0, i, test));
}

function checkAllGather(ranks: Communicator, test: Case): void {
  const all = makeBuffer(test, ranks.size * test.length);
  ranks.allGather(sentBy(ranks.rank, test), all);
  expectGathered(all, test);
}

function checkInPlace(ranks: Communicator, test: Case): void {
  const all = makeBuffer(test, ranks.size * test.length);
  const own = all.subarray(ranks.rank * test.length, (ranks.rank + 1) * test.length);
  own.set(sentBy(ranks.rank, test));
  ranks.allGather(own, all);
  expectGathered(all, test);
}

function checkGather(ranks: Communicator, test: Case): void {
  const all = ranks.rank === 0 ? makeBuffer(test, ranks.size * test.length) : null;
  ranks.gather(sentBy(ranks.rank, test), all);
  if (all) expectGathered(all, test);
}

function checkAllToAll(ranks: Communicator, test: Case): void {
  const receive = makeBuffer(test, ranks.size * test.length);
  ranks.allToAll(sentBy(ranks.rank, test, ranks.size), receive);
  expectSent(receive, ranks.rank, test);
}

/** Two exchanges at once. Nothing but the exchange refers to the buffers that are sent. */
function checkPending(ranks: Communicator, test: Case): void {
  const [all, receive] = [0, 1].map(() => makeBuffer(test, ranks.size * test.length));
  const begin = (): PendingExchange[] => [
    ranks.startAllGather(sentBy(ranks.rank, test), all),
    ranks.startAllToAll(sentBy(ranks.rank, test, ranks.size), receive),
  ];
  for (const finish of [pollAll, waitForAll]) {
    for (const buffer of [all, receive]) buffer.fill(0);
    const exchanges = begin();
    globalThis.gc?.();
    finish(exchanges);
    expectGathered(all, test);
    expectSent(receive, ranks.rank, test);
    for (const exchange of exchanges) {
      exchange.wait();
      assert.equal(exchange.poll(), true);
    }
  }
}

function pollAll(exchanges: readonly PendingExchange[]): void {
  while (!exchanges.map((exchange) => exchange.poll()).every(Boolean));
}

function waitForAll(exchanges: readonly PendingExchange[]): void {
  for (const exchange of exchanges.toReversed()) exchange.wait();
}

function makeBuffer({ type, isTensor }: Case, length: number): ExchangeBuffer {
  if (!isTensor) return new types[type](length);
  const Type: new (memory: ArrayBufferLike, start: number, length: number) => ExchangeBuffer = types[type];
  // Every type fits into eight bytes per number.
  const { buffer, byteOffset } = zeros([Math.max(1, 2 * length)]).values;
  return new Type(buffer, byteOffset, length).fill(0);
}

/** What a rank sends: `blocks` blocks of numbers. */
function sentBy(rank: number, test: Case, blocks = 1): ExchangeBuffer {
  const buffer = makeBuffer(test, blocks * test.length);
  for (let i = 0; i < buffer.length; i++) buffer[i] = numberOf(rank, i, test);
  return buffer;
}

/** The number at a place of what a rank sends. It fits into each type. */
const numberOf = (rank: number, i: number, { key }: Case): number => (key + 31 * rank + 7 * i + (i >> 8)) % 251;

function expectGathered(all: ExchangeBuffer, test: Case): void {
  expectNumbers(all, (i) => numberOf(Math.floor(i / test.length), i % test.length, test));
}

function expectSent(receive: ExchangeBuffer, rank: number, test: Case): void {
  const { length } = test;
  expectNumbers(receive, (i) => numberOf(Math.floor(i / length), rank * length + (i % length), test));
}

function expectNumbers(buffer: ExchangeBuffer, expected: (i: number) => number): void {
  // Comparing by assert takes much longer.
  for (let i = 0; i < buffer.length; i++) {
    if (buffer[i] !== expected(i)) assert.equal(buffer[i], expected(i), `element ${i} of ${buffer.length}`);
  }
}
