/** Runs on each rank: opens a communicator, and prints what it is, or the error once. */
import { messageOf } from '../data/errors.js';
import { launchedRank } from './launch.js';
import { openCommunicator } from './open-communicator.js';

try {
  const ranks = await openCommunicator();
  console.log(`launched as ${launchedRank()}: rank ${ranks.rank} of ${ranks.size}`);
  ranks.close();
} catch (error) {
  if (launchedRank() === 0) console.log(`error: ${messageOf(error)}`);
  process.exitCode = 1;
}
