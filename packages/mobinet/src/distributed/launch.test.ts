import { describe, expect, test } from 'vitest';
import { launchOf } from './launch.js';

describe('the environment says how a process was started', () => {
  test.each<[string, NodeJS.ProcessEnv, ReturnType<typeof launchOf>]>([
    ['by hand', {}, null],
    ['by srun without MPI', { SLURM_PROCID: '1', SLURM_NTASKS: '4', SLURM_STEP_NUM_TASKS: '4' }, null],
    [
      'by mpirun of Open MPI, which also uses PMIx',
      { OMPI_COMM_WORLD_RANK: '3', OMPI_COMM_WORLD_SIZE: '4', PMIX_RANK: '3' },
      { launcher: 'Open MPI', rank: 3, size: 4 },
    ],
    ['by mpirun of MPICH', { PMI_RANK: '0', PMI_SIZE: '2', PMI_FD: '6' }, { launcher: 'PMI', rank: 0, size: 2 }],
    [
      'by srun --mpi=pmi2',
      { PMI_RANK: '1', PMI_SIZE: '2', SLURM_PROCID: '1', SLURM_STEP_NUM_TASKS: '2' },
      { launcher: 'PMI', rank: 1, size: 2 },
    ],
    [
      'by srun --mpi=pmix',
      { PMIX_RANK: '5', SLURM_PROCID: '5', SLURM_STEP_NUM_TASKS: '8' },
      { launcher: 'PMIx', rank: 5, size: 8 },
    ],
    ['by another launcher with PMIx', { PMIX_RANK: '5' }, { launcher: 'PMIx', rank: 5, size: null }],
    ['with variables that are not numbers', { OMPI_COMM_WORLD_RANK: '', PMI_RANK: 'x' }, null],
  ])('%s', (_, env, expected) => {
    expect(launchOf(env)).toEqual(expected);
  });
});
