import { alone, type Communicator } from './communicator.js';
import { launchOf } from './launch.js';
import { MpiCommunicator } from './mpi/mpi-communicator.js';

let opened: Promise<Communicator> | null = null;

/**
 * Connects this process with the others that the launcher of MPI started: `mpirun` of Open MPI or MPICH, or Slurm's
 * `srun`. All calls return the same communicator. It calls the MPI library of the system, by the optional dependency
 * koffi; the environment variable `MOBINET_MPI` chooses a library by its path.
 *
 * End a program with `close` after success, and with `abort` after an error, since the other ranks would wait.
 *
 * @returns `alone` if there is only one process, or if no launcher of MPI started it; then no library is needed.
 * @throws CommunicationError, one line, if koffi or an MPI library is missing, or if the library does not belong to the
 * launcher.
 * @example
 * ```ts
 * import { openCommunicator } from 'mobinet';
 *
 * // mpirun -n 4 node sum.js
 * const ranks = await openCommunicator();
 * const all = new Float64Array(ranks.size);
 * ranks.allGather(Float64Array.of(ranks.rank + 1), all);
 * if (ranks.rank === 0) console.log(`sum over ${ranks.size}: ${all.reduce((sum, x) => sum + x)}`);
 * ranks.close();
 * // → sum over 1: 1
 * ```
 */
export function openCommunicator(): Promise<Communicator> {
  opened ??= open();
  return opened;
}

async function open(): Promise<Communicator> {
  const launch = launchOf(process.env);
  if (!launch || launch.size === 1) return alone;
  return MpiCommunicator.open(launch);
}
