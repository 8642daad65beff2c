/** Runs on each rank: whether MPI leaves the heap as it is, if it cannot grow. */
import { readFileSync } from 'node:fs';
import koffi from 'koffi';
import { openCommunicator } from '../open-communicator.js';

/** The address after the heap of C, on Linux. */
function endOfHeap(): bigint {
  const [, end] = /-([0-9a-f]+) .*\[heap\]$/m.exec(readFileSync('/proc/self/maps', 'utf8'))!;
  return BigInt(`0x${end}`);
}

const libc = koffi.load('libc.so.6');
const map = libc.func(
  'intptr_t mmap(intptr_t address, size_t length, int protection, int flags, int file, long offset)',
);
const [isPrivate, isAnonymous, isFixed] = [0x02, 0x20, 0x100000];

const page = map(endOfHeap(), 4096, 0, isPrivate | isAnonymous | isFixed, -1, 0);
const before = endOfHeap();
const communicator = await openCommunicator();
communicator.barrier();
console.log(JSON.stringify({ isBlocked: BigInt(page) === before, lost: Number(before - endOfHeap()) }));
communicator.close();
