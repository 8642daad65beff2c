import { CommunicationError } from './communication-error.js';
import type { ExchangeBuffer } from './exchange-buffer.js';

// MPI trusts the addresses and lengths that it is given, so a wrong one would overwrite other memory.

export interface Ranks {
  readonly rank: number;
  readonly size: number;
  /** The bytes from the start of a to the start of b, or NaN if they are in different memories. */
  distance(a: ExchangeBuffer, b: ExchangeBuffer): number;
}

/** MPI counts in C's `int`. */
const mostBytes = 2 ** 31 - 1;

/** Checks the length in bytes of what a rank sends to one other. */
export function checkLength(method: string, bytes: number): void {
  if (bytes <= mostBytes) return;
  throw new CommunicationError(
    `${method}: a rank would send ${bytes} bytes to another, but MPI counts to ${mostBytes}. Exchange the buffer in parts`,
  );
}

/** Checks the buffers of an `allGather`. @returns Whether `own` is the block of this rank in `all`. */
export function checkAllGather(own: ExchangeBuffer, all: ExchangeBuffer, ranks: Ranks): boolean {
  checkLength('allGather', own.byteLength);
  checkGathered('allGather', own, all, ranks);
  const isInPlace = ranks.distance(all, own) === ranks.rank * own.byteLength;
  if (!isInPlace) checkApart('allGather', own, all, ranks);
  return isInPlace;
}

export function checkGather(own: ExchangeBuffer, all: ExchangeBuffer | null, ranks: Ranks): void {
  checkLength('gather', own.byteLength);
  if (ranks.rank > 0) return;
  if (!all) throw new CommunicationError('gather: rank 0 receives the buffers of all ranks. Pass a buffer for them');
  checkGathered('gather', own, all, ranks);
  checkApart('gather', own, all, ranks);
}

export function checkAllToAll(send: ExchangeBuffer, receive: ExchangeBuffer, ranks: Ranks): void {
  const { size } = ranks;
  if (send.length % size > 0) {
    throw new CommunicationError(
      `allToAll: a buffer of ${send.length} numbers cannot be divided among ${size} ranks. Make its length a multiple of ${size}`,
    );
  }
  if (send.byteLength !== receive.byteLength) {
    throw new CommunicationError(
      `allToAll: ${send.byteLength} bytes are sent, but there is a buffer of ${receive.byteLength} bytes to receive them. Make both the same length`,
    );
  }
  checkLength('allToAll', send.byteLength / size);
  checkApart('allToAll', send, receive, ranks);
}

function checkGathered(method: string, own: ExchangeBuffer, all: ExchangeBuffer, { size }: Ranks): void {
  if (all.byteLength === size * own.byteLength) return;
  throw new CommunicationError(
    `${method}: the buffers of all ranks have ${size} × ${own.byteLength} bytes, but the buffer to receive them has ${all.byteLength}. Make both fit`,
  );
}

function checkApart(method: string, a: ExchangeBuffer, b: ExchangeBuffer, { distance }: Ranks): void {
  const bytes = distance(a, b);
  if (!(bytes < a.byteLength && -bytes < b.byteLength)) return;
  throw new CommunicationError(`${method}: the buffers to send and to receive overlap. Copy one of them`);
}
