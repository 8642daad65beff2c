import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** Hosts that are network namespaces of this machine, as `makeHosts` makes them. */
export interface VirtualHosts {
  /** host1, host2, … */
  readonly names: readonly string[];
  /** The address of each host, as its name resolves on all of them. */
  readonly addresses: readonly string[];
  /**
   * A program that runs a command on a host, as `ssh HOST COMMAND` does: it joins its arguments by spaces and passes
   * them to a shell. So `mpirun` can use it in place of ssh.
   */
  readonly agent: string;
  /** False if a delay was requested, but the kernel was built without netem, which delays packets. */
  readonly isDelayed: boolean;
  /** The bytes that each host has sent and received until now, with the headers of Ethernet. */
  traffic(): { sent: number; received: number }[];
  /** Ends what still runs on the hosts, and removes them. */
  remove(): void;
}

export interface Network {
  /** The number of hosts: 2 … 64. */
  readonly count: number;
  /** The bandwidth of each cable in each direction, as `tc` writes it: 1gbit. Default: unlimited. */
  readonly rate?: string | undefined;
  /** By how much a cable delays each packet that its host sends: 0.2ms. Default: not at all. */
  readonly delay?: string | undefined;
}

/** The name of a host's network interface. */
export const networkInterface = 'eth0';

/** Addresses that are reserved for the benchmarks of networks (RFC 2544), so they collide with no real ones. */
const network = '198.18.0';
const netnsFolder = '/etc/netns';
const prefix = 'mobinet-cluster-';

/** How many clusters this process has made, so that their names differ. */
let made = 0;

/**
 * Makes hosts that are joined by a switch: network namespaces, each with one cable (veth) to a bridge, which is in a
 * namespace of its own. So nothing of the machine's own network changes, and several clusters do not see each other.
 *
 * @throws Error if the kernel refuses, for example because the user is not root. Nothing is left then.
 */
export function makeHosts({ count, rate, delay }: Network): VirtualHosts {
  removeAbandoned();
  const tag = `${prefix}${process.pid}-${++made}-`;
  const bridge = `${tag}switch`;
  const names = Array.from({ length: count }, (_, index) => `host${index + 1}`);
  const addresses = names.map((_, index) => `${network}.${index + 1}`);
  try {
    run('ip', `netns add ${bridge}`);
    run('ip', `-n ${bridge} link add br0 type bridge`);
    run('ip', `-n ${bridge} link set br0 up`);
    const isDelayed = delay === undefined || hasNetem(bridge);
    const hostsFile = [
      '127.0.0.1 localhost',
      ...names.map((name, index) => `${addresses[index]} ${name}`),
      '', // ends the last line
    ].join('\n');
    for (const [index, name] of names.entries()) {
      const host = tag + name;
      run('ip', `netns add ${host}`);
      run('ip', `-n ${host} link add ${networkInterface} type veth peer name ${name} netns ${bridge}`);
      run('ip', `-n ${bridge} link set ${name} master br0 up`);
      run('ip', `-n ${host} addr add ${addresses[index]}/24 dev ${networkInterface}`);
      run('ip', `-n ${host} link set lo up`);
      run('ip', `-n ${host} link set ${networkInterface} up`);
      // `ip netns exec` mounts the files of this folder over those in /etc.
      mkdirSync(join(netnsFolder, host), { recursive: true });
      writeFileSync(join(netnsFolder, host, 'hosts'), hostsFile);
      if (delay !== undefined && isDelayed)
        run('tc', `-n ${host} qdisc add dev ${networkInterface} root handle 1: netem delay ${delay}`);
      if (rate !== undefined) {
        const limit = `tbf rate ${rate} burst ${burstOf(rate)} latency 10ms`;
        const parent = delay !== undefined && isDelayed ? 'parent 1:1' : 'root';
        run('tc', `-n ${host} qdisc add dev ${networkInterface} ${parent} ${limit}`);
        // What the host receives waits at the port of the switch.
        run('tc', `-n ${bridge} qdisc add dev ${name} root ${limit}`);
      }
    }
    // Nothing enters the namespace of the switch, so this folder is free, and it goes with the rest.
    mkdirSync(join(netnsFolder, bridge), { recursive: true });
    const agent = join(netnsFolder, bridge, 'agent');
    writeFileSync(agent, agentScript(tag, names), { mode: 0o755 });
    const remove = () => removeNamespaces(tag);
    return { names, addresses, agent, isDelayed, traffic: () => names.map((name) => trafficOf(tag + name)), remove };
  } catch (error) {
    removeNamespaces(tag);
    throw error;
  }
}

/** Whether the kernel can delay packets. The bridge is not the end of any cable, so it can be tried there. */
function hasNetem(bridge: string): boolean {
  const { status } = spawnSync('tc', ['-n', bridge, 'qdisc', 'add', 'dev', 'br0', 'root', 'netem', 'limit', '1000']);
  return status === 0;
}

/**
 * The bytes that may pass at once: those of a millisecond. The kernel hands on up to 64 KiB of a connection as one
 * packet, and a burst of less than two of these lets less than the rate through in both directions at a time (measured:
 * 54 % at 64 KiB, 100 % at 128).
 */
function burstOf(rate: string): number {
  const [, number, unit] = /^([\d.]+)([kmg])bit$/.exec(rate)!;
  const bitsPerSecond = Number(number) * { k: 1e3, m: 1e6, g: 1e9 }[unit as 'k' | 'm' | 'g'];
  return Math.max(2 ** 17, Math.ceil(bitsPerSecond / 8 / 1000));
}

/**
 * Each command gets a host name, shared memory segments of its own, and the processors of its host: as long as there is
 * one for each, they are dealt out evenly. Options, as ssh has them, come before the host and are ignored.
 */
function agentScript(tag: string, names: readonly string[]): string {
  const processors = Math.floor(availableParallelism() / names.length);
  const cases = names.map((name, index) => {
    const [first, last] = [index * processors, (index + 1) * processors - 1];
    return `${name}) on="${processors > 0 ? `taskset -c ${first}-${last}` : ''}" ;;`;
  });
  return `#!/bin/sh
while [ "\${1#-}" != "$1" ]; do shift; done
host=$1
shift
case $host in
${cases.join('\n')}
*) echo "there is no host $host" >&2; exit 1 ;;
esac
exec ip netns exec "${tag}$host" unshare --uts --ipc $on sh -c 'hostname "$0"; eval "$1"' "$host" "$*"
`;
}

function trafficOf(host: string): { sent: number; received: number } {
  const [{ stats64 }] = JSON.parse(run('ip', `-n ${host} -s -j link show ${networkInterface}`));
  return { sent: stats64.tx.bytes, received: stats64.rx.bytes };
}

/** Removes what was left by a program that was killed: its process id is part of the names. */
function removeAbandoned(): void {
  const ids = namespaces(prefix).map((name) => Number(name.slice(prefix.length).split('-')[0]));
  for (const id of new Set(ids)) {
    if (!isAlive(id)) removeNamespaces(`${prefix}${id}-`);
  }
}

function removeNamespaces(tag: string): void {
  for (const name of namespaces(tag)) {
    for (const id of run('ip', `netns pids ${name}`).split('\n').filter(Boolean)) kill(Number(id));
    // Its end of the cable goes with it, and the other end with that.
    run('ip', `netns delete ${name}`);
    rmSync(join(netnsFolder, name), { recursive: true, force: true });
  }
  try {
    rmdirSync(netnsFolder);
  } catch {
    // There are other namespaces, or none has ever had a file.
  }
}

function namespaces(prefix: string): string[] {
  const lines = run('ip', 'netns list').split('\n');
  return lines.map((line) => line.split(' ')[0]).filter((name) => name.startsWith(prefix));
}

function isAlive(id: number): boolean {
  try {
    return process.kill(id, 0);
  } catch {
    return false;
  }
}

function kill(id: number): void {
  try {
    process.kill(id, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/** Runs a program whose arguments contain no spaces. @throws Error with the first line that it printed to stderr. */
function run(program: string, args: string): string {
  try {
    return execFileSync(program, args.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    const reason = stderr?.trim().split('\n')[0] || message;
    throw new Error(`${program} ${args}: ${reason}`);
  }
}
