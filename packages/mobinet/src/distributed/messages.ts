import type { Communicator } from './communicator.js';

// Messages whose length only the sender knows: their lengths travel first.

/**
 * Hands the bytes of rank 0 to all ranks.
 *
 * @param bytes Only rank 0 needs them; the others may pass null.
 * @returns The bytes of rank 0, in memory of their own except on rank 0.
 */
export function broadcastBytes(communicator: Communicator, bytes: Uint8Array | null): Uint8Array {
  const own = communicator.rank === 0 ? bytes! : null;
  const length = Float64Array.of(own?.length ?? 0);
  communicator.broadcast(length);
  const received = own ?? new Uint8Array(length[0]);
  communicator.broadcast(received);
  return received;
}

/** Hands everybody the bytes of all ranks, in their order. They may differ in length. */
export function allGatherBytes(communicator: Communicator, bytes: Uint8Array): Uint8Array[] {
  const lengths = new Float64Array(communicator.size);
  communicator.allGather(Float64Array.of(bytes.length), lengths);
  // All blocks of an exchange have the same length, that of the longest.
  const longest = Math.max(...lengths);
  const padded = new Uint8Array(longest);
  padded.set(bytes);
  const all = new Uint8Array(communicator.size * longest);
  communicator.allGather(padded, all);
  return Array.from(lengths, (length, rank) => all.subarray(rank * longest, rank * longest + length));
}
