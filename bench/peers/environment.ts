import { fileURLToPath } from 'node:url';
import { openBlasKernels, processor } from '@mobinet/bench/machine';

// Where the peers are, and the environment of their processes.

/**
 * The folder in which `npm run bench:install-peers` puts PyTorch, Larq Compute Engine and another Node. Several working
 * copies can share one.
 */
export const peersFolder: string =
  process.env.MOBINET_PEERS ?? fileURLToPath(new URL('../../../node_modules/.cache/mobinet-peers', import.meta.url));

/** The path of a file of this folder that is not compiled, such as a Python script. */
export const sourceFile = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** The prefix of a command that pins a single thread to one processor. */
export const pinned = (threads: number): string[] =>
  threads === 1 && process.platform === 'linux' ? ['taskset', '-c', '0'] : [];

/**
 * The environment of a contender's process. Settings of OpenBLAS that the user made for other programs are removed:
 * libraries that know the processor choose better themselves.
 */
export function environment(threads: number): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _type, OPENBLAS_L2_SIZE: _size, ...rest } = process.env;
  return { ...rest, OPENBLAS_NUM_THREADS: String(threads), OMP_NUM_THREADS: String(threads) };
}

/** The environment of Debian's PyTorch. */
export const debianEnvironment = (threads: number): NodeJS.ProcessEnv => ({
  ...environment(threads),
  ...openBlasKernels(processor()),
});
