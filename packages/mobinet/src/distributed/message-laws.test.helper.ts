import assert from 'node:assert/strict';
import type { Communicator } from './communicator.js';
import { allGatherBytes, broadcastBytes } from './messages.js';

/**
 * Checks messages of lengths that the receiver does not know. All ranks call it.
 * @throws AssertionError if one is wrong.
 */
export function checkMessages(ranks: Communicator): void {
  const others = Array.from({ length: ranks.size }, (_, rank) => rank);
  const bytesOf = (rank: number, length: number): Uint8Array =>
    Uint8Array.from({ length }, (_, i) => (7 * i + 31 * rank) & 255);
  for (const length of [0, 1, 1000, 100_000]) {
    const bytes = ranks.rank === 0 ? bytesOf(0, length) : null;
    assert.deepEqual(broadcastBytes(ranks, bytes), bytesOf(0, length));
    for (const lengthOf of [(rank: number) => rank * length, (rank: number) => (rank === 0 ? length : 0)]) {
      const all = allGatherBytes(ranks, bytesOf(ranks.rank, lengthOf(ranks.rank)));
      assert.deepEqual(
        all,
        others.map((rank) => bytesOf(rank, lengthOf(rank))),
      );
    }
  }
}
