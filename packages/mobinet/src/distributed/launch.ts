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
