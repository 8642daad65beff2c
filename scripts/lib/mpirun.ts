import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { networkInterface, type VirtualHosts } from './virtual-hosts.js';

/** How `mpirun --version` of a library begins, and what starts one rank on each host, which talk through TCP only. */
const libraries = {
  openmpi: {
    version: /Open MPI/,
    args: ({ names, agent }: VirtualHosts) => [
      '--allow-run-as-root',
      ...['--host', names.map((name) => `${name}:1`).join(',')],
      ...['--map-by', 'node', '--bind-to', 'none'],
      // Each host believes that it has the machine for itself. Where ranks share processors, waiting ones must yield.
      ...(names.length > availableParallelism() ? ['--mca', 'mpi_yield_when_idle', '1'] : []),
      ...['--mca', 'plm_rsh_agent', agent],
      // Ranks of one kernel would find other ways to each other: shared memory, and UCX.
      ...['--mca', 'pml', 'ob1', '--mca', 'btl', 'tcp,self'],
      ...['--mca', 'btl_tcp_if_include', networkInterface, '--mca', 'oob_tcp_if_include', networkInterface],
    ],
  },
  mpich: {
    version: /HYDRA/,
    args: ({ names, agent }: VirtualHosts) => [
      ...['-launcher', 'rsh', '-launcher-exec', agent, '-iface', networkInterface],
      ...['-hosts', names.join(','), '-ppn', '1', '-bind-to', 'none'],
      ...['-genv', 'UCX_TLS', 'tcp,self', '-genv', 'UCX_NET_DEVICES', networkInterface],
      ...['-genv', 'FI_PROVIDER', 'tcp', '-genv', 'FI_TCP_IFACE', networkInterface],
    ],
  },
};

export type MpiLibrary = keyof typeof libraries;
export const mpiLibraries = Object.keys(libraries) as MpiLibrary[];

/**
 * The `mpirun` of a library. Where several are installed, as on Debian, its name ends with the library's.
 *
 * @throws Error if it is not installed.
 */
export function findMpirun(library: MpiLibrary): string {
  const { version } = libraries[library];
  const found = [`mpirun.${library}`, 'mpirun'].find((program) =>
    version.test(spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout ?? ''),
  );
  if (found === undefined) {
    const name = library === 'openmpi' ? 'openmpi-bin' : 'mpich';
    throw new Error(`mpirun of ${library} is not on the PATH: apt-get install ${name}`);
  }
  return found;
}

/** The arguments of `mpirun` that start a command once on each host. */
export function mpirunArguments(library: MpiLibrary, hosts: VirtualHosts, command: readonly string[]): string[] {
  return ['-np', String(hosts.names.length), ...libraries[library].args(hosts), ...command];
}
