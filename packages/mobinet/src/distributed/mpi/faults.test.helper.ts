/** Runs on each rank, where one makes a mistake, which the argument names. */
import { messageOf } from '../../data/errors.js';
import { openCommunicator } from '../open-communicator.js';

const ranks = await openCommunicator();
switch (process.argv[2]) {
  case 'truncate':
    try {
      ranks.broadcast(new Float32Array(ranks.rank === 0 ? 1000 : 10));
      // Rank 0 is done as soon as MPI has taken its bytes.
      ranks.barrier();
    } catch (error) {
      console.error(`rank ${ranks.rank}: ${messageOf(error)}`);
      ranks.abort(3);
    }
    break;
  case 'abort':
    if (ranks.rank === 1) ranks.abort(7);
    ranks.barrier();
    console.log('after the barrier');
    break;
}
