/**
 * Runs an MPI program on several hosts, all of which are on this machine, with the bandwidth of a network between them.
 * `npm run cluster -- --help` explains the flags.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseFlags, root, stop } from './lib/flags.js';
import { findMpirun, type MpiLibrary, mpiLibraries, mpirunArguments } from './lib/mpirun.js';
import type { NetworkReport } from './lib/network-probe.js';
import { makeHosts, type VirtualHosts } from './lib/virtual-hosts.js';

const help = `Usage: npm run cluster -- [options] [-- <command>...]

Makes hosts of this machine, which are network namespaces with a name, an address and a cable to a switch, and starts the
command on each of them by mpirun. They share files, and divide the processors if there are enough. Prints to stderr what
each host has sent and received. Without a command, measures the network between two hosts instead. Linux only; needs
root, and the packages iproute2 and util-linux.

  --hosts <number>   2 to 64 hosts, with a rank on each (default: 2)
  --rate <rate>      the bandwidth of each host, in each direction, such as 1gbit or 100mbit (default: unlimited)
  --delay <time>     by how much each packet is delayed, such as 0.2ms, if the kernel has netem (default: 0ms)
  --mpi <library>    ${mpiLibraries.join(' or ')} (default: openmpi)
  --help             print this`;

const args = process.argv.slice(2);
const end = args.includes('--') ? args.indexOf('--') : args.length;
const command = args.slice(end + 1);
const flags = parseFlags(
  {
    hosts: { type: 'string', default: '2' },
    rate: { type: 'string' },
    delay: { type: 'string' },
    mpi: { type: 'string', default: 'openmpi' },
    help: { type: 'boolean' },
  },
  args.slice(0, end),
);
if (flags.help) {
  console.log(help);
  process.exit(0);
}
const count = Number(flags.hosts);
if (!Number.isInteger(count) || count < 2 || count > 64)
  stop(`--hosts must be a whole number from 2 to 64, not ${flags.hosts}`);
if (flags.rate !== undefined && !/^\d+(\.\d+)?[kmg]bit$/.test(flags.rate))
  stop(`--rate must be a bandwidth, such as 1gbit or 100mbit, not ${flags.rate}`);
if (flags.delay !== undefined && !/^\d+(\.\d+)?[mu]s$/.test(flags.delay))
  stop(`--delay must be a time, such as 0.2ms or 50us, not ${flags.delay}`);
if (!mpiLibraries.includes(flags.mpi as MpiLibrary))
  stop(`--mpi must be ${mpiLibraries.join(' or ')}, not ${flags.mpi}`);
if (process.getuid?.() !== 0) stop('npm run cluster makes network namespaces, which takes root on Linux: use sudo');

const mpirun = command.length > 0 ? attempt(() => findMpirun(flags.mpi as MpiLibrary)) : '';
const hosts = attempt(() => makeHosts({ count, rate: flags.rate, delay: flags.delay }));
// Also after an error, and after a second signal.
process.on('exit', () => hosts.remove());

if (!hosts.isDelayed) {
  const { roundTrip } = await measure(hosts);
  console.error(`this kernel has no netem, so nothing is delayed: a round trip takes ${roundTrip.toFixed(3)} ms`);
}
if (command.length === 0) {
  const { roundTrip, rate } = await measure(hosts);
  console.log(`round trip ${roundTrip.toFixed(3)} ms, ${(rate / 1e6).toFixed(0)} Mbit/s`);
} else {
  const before = hosts.traffic();
  const line = [mpirun, ...mpirunArguments(flags.mpi as MpiLibrary, hosts, command)].map(quoted).join(' ');
  process.exitCode = await runOn(hosts, line);
  for (const [index, { sent, received }] of hosts.traffic().entries()) {
    const [out, into] = [sent - before[index].sent, received - before[index].received];
    console.error(`${hosts.names[index]}: ${megabytes(out)} MB sent, ${megabytes(into)} MB received`);
  }
}

/**
 * Runs a line of the shell on the first host, and returns its exit code. The first signal is passed on to it, so that it
 * can end by itself; it is in a process group of its own, so that a terminal does not send it the same signal, too.
 */
async function runOn({ agent, names }: VirtualHosts, line: string): Promise<number> {
  const child = spawn(agent, [names[0], `exec ${line}`], { stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (child.killed) process.exit(1);
      child.kill(signal);
    });
  }
  const [code] = await once(child, 'exit');
  return code ?? 1;
}

/** Measures the network from the second host to the first one. */
async function measure({ agent, names, addresses }: VirtualHosts): Promise<NetworkReport> {
  const program = [process.execPath, join(root, 'scripts/lib/network-probe.js')].map(quoted).join(' ');
  const server = spawn(agent, [names[0], `exec ${program}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout, 'data');
  const client = spawn(agent, [names[1], `exec ${program} ${addresses[0]}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const json = await text(client.stdout);
  return json ? JSON.parse(json) : stop('the network between two hosts could not be measured');
}

function attempt<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    return stop((error as Error).message);
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(3);
}

/** An argument as a word of the shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
