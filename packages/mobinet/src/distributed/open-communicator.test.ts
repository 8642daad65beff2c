import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { describeWithMpi, programBeside } from './mpi.test.helper.js';

const program = programBeside(import.meta.url, 'open.test.helper.js');

/** A module hook that replaces koffi by the source of another module. */
const replaceKoffi = (source: string): string => {
  const module = `data:text/javascript,${encodeURIComponent(source)}`;
  const hooks = `export const resolve = (name, context, next) =>
    next(name === 'koffi' ? ${JSON.stringify(module)} : name, context);`;
  const register = `import { register } from 'node:module'; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hooks)}`)});`;
  return `--import=data:text/javascript,${encodeURIComponent(register)}`;
};

describeWithMpi('opening a communicator', ({ name, run }) => {
  test('gives each rank its number', async () => {
    const { code, stdout } = await run({ ranks: 3, args: [program] });
    expect(code).toBe(0);
    expect(stdout.trim().split('\n').sort()).toEqual([0, 1, 2].map((rank) => `launched as ${rank}: rank ${rank} of 3`));
  });

  test('needs no library for one rank', async () => {
    const { code, stdout } = await run({ ranks: 1, args: [program], env: { MOBINET_MPI: '/missing' } });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'launched as 0: rank 0 of 1\n' });
  });

  async function problemOf(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
    const { code, stdout } = await run({ ranks: 2, args: [...args, program], env });
    expect(code).toBe(1);
    return stdout;
  }

  test('says that koffi is missing', async () => {
    expect(await problemOf([replaceKoffi("throw new Error('Cannot find package');")])).toBe(
      'error: the package koffi, which calls MPI, cannot be loaded (Cannot find package). Install it: npm install koffi\n',
    );
  });

  test('says which libraries have been tried', async () => {
    const none = 'export const load = (name) => { throw new Error(name); };';
    expect(await problemOf([replaceKoffi(none)])).toMatch(
      /^error: no MPI library could be loaded \((?=.*libmpi\.so\.40)(?=.*libmpich\.so\.12).*\)\. Install one on every machine \(apt-get install openmpi-bin, or mpich\), .* or set MOBINET_MPI to the path of libmpi\.so\n$/,
    );
  });

  test('says that the library of MOBINET_MPI is not one', async () => {
    const missing = await problemOf([], { MOBINET_MPI: '/missing/libmpi.so' });
    expect(missing).toMatch(
      /^error: MOBINET_MPI=\/missing\/libmpi\.so is not a library of MPI 3 or newer \(.*\)\. Give the path of libmpi\.so\n$/,
    );
    expect(await problemOf([], { MOBINET_MPI: 'libc.so.6' })).toMatch(/MOBINET_MPI=libc\.so\.6 is not .* 'MPI_\w+'/);
  });

  const other = name === 'MPICH' ? 'libmpi.so.40' : 'libmpich.so.12';
  const hasOther = existsSync(`/usr/lib/x86_64-linux-gnu/${other}`);

  test.skipIf(!hasOther)('says that the library does not belong to the launcher', async () => {
    const [launcher, library] =
      name === 'MPICH'
        ? ['an mpirun of MPICH, or srun,', 'Open MPI v\\S+']
        : ['the mpirun of Open MPI', 'MPICH \\d\\S+'];
    expect(await problemOf([], { MOBINET_MPI: other })).toMatch(
      new RegExp(
        `^error: ${launcher} started 2 processes, but ${library} \\(${other}\\) sees 1, so they do not belong together\\. Use the mpirun of that library, or set MOBINET_MPI to the path of the other libmpi\\.so\n$`,
      ),
    );
  });
});

describe('without a launcher', () => {
  test('a process is alone', async () => {
    const { openCommunicator } = await import('./open-communicator.js');
    const { alone } = await import('./communicator.js');
    expect(await openCommunicator()).toBe(alone);
  });
});
