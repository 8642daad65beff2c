import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { LibraryHandle } from 'koffi';
import { messageOf } from '../../data/errors.js';
import { CommunicationError } from '../communication-error.js';
import type { Launch } from '../launch.js';
import { functionsOf, type MpiFunctions } from './functions.js';
import { type Handles, handlesOf } from './handles.js';

/** An MPI library in this process, not yet initialized. */
export interface Mpi {
  /** The path or name by which it was found. */
  readonly file: string;
  readonly functions: MpiFunctions;
  readonly handles: Handles;
  /** The address of the memory of a typed array. */
  addressOf(memory: ArrayBufferView): bigint;
}

/**
 * Loads the library that `MOBINET_MPI` names, or else one that belongs to the launcher.
 * @throws CommunicationError if koffi is not installed, or if no library can be loaded.
 */
export async function loadMpi({ launcher }: Launch): Promise<Mpi> {
  // Only programs that a launcher has started load koffi.
  const koffi = await import('koffi').catch((error) => {
    throw new CommunicationError(
      `the package koffi, which calls MPI, cannot be loaded (${messageOf(error).split('\n')[0]}). Install it: npm install koffi`,
      { cause: error },
    );
  });
  restrainUcx();
  const chosen = process.env.MOBINET_MPI;
  const found = chosen ? loadChosen(chosen, koffi.load) : loadFirst(launcher, koffi.load);
  return { ...found, addressOf: koffi.address };
}

type Load = (path: string) => LibraryHandle;

function loadChosen(file: string, load: Load): Omit<Mpi, 'addressOf'> {
  try {
    return declare(file, load(file));
  } catch (error) {
    throw new CommunicationError(
      `MOBINET_MPI=${file} is not a library of MPI 3 or newer (${messageOf(error)}). Give the path of libmpi.so`,
      { cause: error },
    );
  }
}

function loadFirst(launcher: Launch['launcher'], load: Load): Omit<Mpi, 'addressOf'> {
  const problems: string[] = [];
  for (const file of candidates(launcher)) {
    try {
      return declare(file, load(file));
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  throw new CommunicationError(
    `no MPI library could be loaded (${problems.join('; ')}). Install one on every machine (apt-get install openmpi-bin, or mpich), load the module of your cluster (module load openmpi), or set MOBINET_MPI to the path of libmpi.so`,
  );
}

function declare(file: string, library: LibraryHandle): Omit<Mpi, 'addressOf'> {
  return { file, functions: functionsOf(library), handles: handlesOf(library) };
}

/** The name of a shared library with the version of its interface. */
const named = (name: string, version: number): string =>
  process.platform === 'darwin' ? `${name}.${version}.dylib` : `${name}.so.${version}`;

const openMpi = [named('libmpi', 40)];
/** Debian names it differently, so that both can be installed. */
const mpich = [named('libmpi', 12), named('libmpich', 12)];
const standardAbi = [named('libmpi_abi', 1), named('libmpi_abi', 0)];

/**
 * The files to try, in order. A library in the folder of the launcher comes before those that the system finds by their
 * names: tools such as Conda and Spack do not tell the system about theirs.
 */
function candidates(launcher: Launch['launcher']): string[] {
  // What belongs to another launcher comes last, since Slurm's PMI also starts Open MPI, and its PMIx also MPICH.
  const names = launcher === 'PMI' ? [...mpich, ...standardAbi, ...openMpi] : [...openMpi, ...standardAbi, ...mpich];
  const beside = launcherFolders().flatMap((folder) => names.map((name) => join(folder, name)));
  return [...beside.filter((file) => existsSync(file)), ...names];
}

/** The folders of libraries beside the first mpirun on the path, and beside the file to which it may be a link. */
function launcherFolders(): string[] {
  const folders = process.env.PATH?.split(delimiter) ?? [];
  const mpirun = folders.map((folder) => join(folder, 'mpirun')).find((file) => existsSync(file));
  if (mpirun === undefined) return [];
  const binaries = new Set([mpirun, realpathSync(mpirun)].map(dirname));
  return [...binaries].flatMap((folder) => [join(folder, '../lib'), join(folder, '../lib64')]);
}

/**
 * Changes two habits of UCX, with which MPI libraries communicate. A user's own settings take precedence.
 *
 * - It handles segmentation faults. Those are how V8 notices that a WebAssembly kernel leaves its memory, which is an
 *   exception in JavaScript, but UCX would end the process.
 * - It hooks into functions such as `munmap`, so that it can keep buffers registered with network cards, and tests this
 *   by moving the end of the heap up by a page and down again. If the heap cannot grow, because V8 has placed its code
 *   right above it, only the second move happens, and the last page of the heap is lost.
 */
function restrainUcx(): void {
  process.env.UCX_ERROR_SIGNALS ??= 'SIGILL,SIGBUS,SIGFPE';
  process.env.UCX_MEM_EVENTS ??= 'no';
}
