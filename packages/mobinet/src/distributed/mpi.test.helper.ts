import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe } from 'vitest';

// The MPI libraries with which tests start programs on several ranks. Importing this file prints which of them are
// missing. The environment variables MOBINET_OPENMPI and MOBINET_MPICH name other launchers than Debian's.

interface TestLibrary {
  readonly name: 'Open MPI' | 'MPICH';
  readonly mpirun: string;
  /** Debian's package. */
  readonly debian: string;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const libraries: readonly TestLibrary[] = [
  {
    name: 'Open MPI',
    mpirun: process.env.MOBINET_OPENMPI ?? '/usr/bin/mpirun.openmpi',
    debian: 'openmpi-bin',
    // More ranks than processors, each of which may run on any of them, and lets others run while it waits.
    flags: ['--oversubscribe', '--bind-to', 'none', '--mca', 'mpi_yield_when_idle', '1'],
    env: { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' },
  },
  {
    name: 'MPICH',
    mpirun: process.env.MOBINET_MPICH ?? '/usr/bin/mpirun.mpich',
    debian: 'mpich',
    flags: [],
    env: {},
  },
];

for (const { name, mpirun, debian } of libraries) {
  if (existsSync(mpirun)) continue;
  console.warn(`Nothing is tested with ${name}, because ${mpirun} is missing. Install it: apt-get install ${debian}`);
}

/** How a program is started. */
export interface Ranks {
  /** The number of processes. */
  readonly ranks: number;
  /** The arguments of Node: flags, the compiled program and its arguments. */
  readonly args: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly folder?: string;
}

/** How a program ended: what `mpirun` returned and printed, which includes the output of all ranks. */
export interface RanksOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What tests get of a library. */
export interface InstalledMpi {
  readonly name: TestLibrary['name'];
  /** Runs a program to its end. */
  run(ranks: Ranks): Promise<RanksOutcome>;
  /** Starts a program, whose process is that of `mpirun`. */
  start(ranks: Ranks): { readonly mpirun: ChildProcess; readonly ended: Promise<RanksOutcome> };
}

/**
 * Declares the tests of `body` for each MPI library; those of a library that is not installed are skipped. The program
 * imports packages as modules, as tests do.
 */
export function describeWithMpi(title: string, body: (mpi: InstalledMpi) => void): void {
  for (const library of libraries) {
    describe.skipIf(!existsSync(library.mpirun))(`${title} with ${library.name}`, () => {
      const running = new Set<ChildProcess>();
      const start: InstalledMpi['start'] = (ranks) => {
        const mpirun = launch(library, ranks);
        running.add(mpirun);
        const ended = outcomeOf(mpirun).finally(() => running.delete(mpirun));
        return { mpirun, ended };
      };
      body({ name: library.name, start, run: (ranks) => start(ranks).ended });
      // A failed test may have left some. At SIGTERM, mpirun ends its ranks.
      afterAll(() => {
        for (const mpirun of running) mpirun.kill();
      });
    });
  }
}

/** The path of a compiled program beside a test: `programBeside(import.meta.url, 'x.test.helper.js')`. */
export const programBeside = (url: string, name: string): string => fileURLToPath(new URL(name, url));

function launch({ mpirun, flags, env: own }: TestLibrary, { ranks, args, env, folder }: Ranks): ChildProcess {
  const node = [process.execPath, '--conditions=mobinet-unbundled', ...args];
  return spawn(mpirun, ['-n', String(ranks), ...flags, ...node], {
    ...(folder !== undefined && { cwd: folder }),
    env: { ...process.env, ...own, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function outcomeOf(child: ChildProcess): Promise<RanksOutcome> {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text) => {
      output[name] += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...output }));
  });
}
