import { writeSync } from 'node:fs';

/** How the launcher of MPI started this process. */
export interface Launch {
  /**
   * Whose variables the environment has: those of Open MPI, those of MPICH's Hydra (also set by Slurm and by relatives of
   * MPICH), or those of PMIx alone, with which Slurm starts the programs of any library.
   */
  readonly launcher: 'Open MPI' | 'PMI' | 'PMIx';
  readonly rank: number;
  /** The number of processes, or null if only the library knows it. */
  readonly size: number | null;
}

/**
 * Reads from the environment how this process was started. Slurm's own `SLURM_PROCID` does not count: `srun` sets it for
 * every program, also for those that it has not prepared for MPI.
 *
 * @returns null if no launcher of MPI started it.
 */
export function launchOf(env: NodeJS.ProcessEnv): Launch | null {
  const number = (name: string): number | null => {
    const text = env[name];
    return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
  };
  const launched = (launcher: Launch['launcher'], rank: number | null, size: number | null): Launch | null =>
    rank === null ? null : { launcher, rank, size };
  return (
    launched('Open MPI', number('OMPI_COMM_WORLD_RANK'), number('OMPI_COMM_WORLD_SIZE')) ??
    launched('PMI', number('PMI_RANK'), number('PMI_SIZE')) ??
    launched('PMIx', number('PMIX_RANK'), number('SLURM_STEP_NUM_TASKS'))
  );
}

/**
 * Ends all processes that MPICH's launcher has started, for one that has failed before it called MPI. The launcher does
 * not notice that such a process ends, so the others would wait for it in `MPI_Init` forever. Other launchers notice.
 *
 * It is told what `MPI_Abort` would tell it: a line of PMI, the protocol between the launcher and the library, on the
 * socket that the process has inherited.
 */
export function abortLaunch(exitCode: number, env: NodeJS.ProcessEnv = process.env): void {
  // Slurm speaks another version of PMI, and ends the others by --kill-on-bad-exit.
  if (isConnected || env.HYDI_CONTROL_FD === undefined || !/^\d+$/.test(env.PMI_FD ?? '')) return;
  try {
    writeSync(Number(env.PMI_FD), `cmd=abort exitcode=${exitCode}\n`);
  } catch {
    // The launcher has ended.
  }
}

/** Whether MPI uses that socket, or has closed it, so that its number may be that of another file. */
let isConnected = false;

/** To be called when this process is about to initialize MPI, which speaks to the launcher from then on. */
export function leaveLauncherToMpi(): void {
  isConnected = true;
}

/**
 * The rank of this process according to the environment, which is known before MPI is loaded: so that one process
 * prints an error, instead of all of them. It is 0 for a program that was not started by MPI.
 *
 * @example
 * ```ts
 * import { launchedRank } from 'mobinet';
 *
 * if (launchedRank() === 0) console.log('printed once, on any number of ranks');
 * // → printed once, on any number of ranks
 * ```
 */
export function launchedRank(): number {
  return launchOf(process.env)?.rank ?? 0;
}
