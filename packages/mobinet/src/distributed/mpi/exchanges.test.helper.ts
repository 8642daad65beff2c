/** Runs on each rank: checks all exchanges, and prints the ranks that found them correct. */
import assert from 'node:assert/strict';
import { tidy, zeros } from '@mobinet/tensor';
import { i32, Kernel, store } from '@mobinet/tensor/kernels';
import { checkExchanges } from '../exchange-laws.test.helper.js';
import { checkMessages } from '../message-laws.test.helper.js';
import { openCommunicator } from '../open-communicator.js';

const ranks = await openCommunicator();
try {
  checkExchanges(ranks, 10);
  checkMessages(ranks);
  tidy(checkGrownMemory);
  checkTrap();
  ranks.barrier();
  const all = new Int32Array(ranks.size);
  ranks.allGather(Int32Array.of(ranks.rank), all);
  if (ranks.rank === 0) console.log(JSON.stringify({ ranks: [...all], library: ranks.library }));
  ranks.close();
  assert.throws(() => ranks.barrier(), /the communicator has been closed/);
} catch (error) {
  console.error(error);
  ranks.abort(1);
}

/** After the memory of tensors has grown, arrays made before and after have different buffers for the same bytes. */
function checkGrownMemory(): void {
  const x = zeros([2 * ranks.size]);
  const before = x.values.subarray(0, ranks.size);
  let { buffer } = before;
  while (buffer === before.buffer) ({ buffer } = zeros([2 ** 24]).values);
  const after = new Float32Array(buffer, before.byteOffset, ranks.size);
  const own = before.subarray(ranks.rank, ranks.rank + 1).fill(ranks.rank);
  ranks.allGather(own, after);
  after.forEach((value, rank) => {
    assert.equal(value, rank);
  });
  assert.throws(() => ranks.allToAll(x.values.subarray(1, ranks.size + 1), after), /overlap/);
}

/** A kernel that leaves its memory is an exception, also where the MPI library handles signals. */
function checkTrap(): void {
  const kernel = new Kernel('i32_leave_memory', { address: i32 }, ({ address }) => store(address, i32.const(1)));
  assert.throws(() => kernel.run({ address: -4 }, 1, { grain: 1 }), /memory access out of bounds/);
}
