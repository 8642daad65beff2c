import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { findMpirun, mpiLibraries } from './lib/mpirun.js';
import { makeHosts } from './lib/virtual-hosts.js';

const program = join(import.meta.dirname, 'cluster.js');

/** All started processes, to be ended if a failed test has left them running. */
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill();
});

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
    children.push(child);
  });
}

/** The network namespaces of a cluster that was started by a process. */
function namespacesOf(id: number): string[] {
  const { stdout } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  return stdout.split('\n').filter((name) => name.startsWith(`mobinet-cluster-${id}-`));
}

/** What keeps this machine from having several hosts. */
const reason = reasonOf(() => makeHosts({ count: 2 }).remove());
/** A library whose mpirun this machine has. */
const installed = mpiLibraries.find((library) => reasonOf(() => findMpirun(library)) === '');

function reasonOf(action: () => unknown): string {
  try {
    action();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('npm run cluster', () => {
  test.each([
    [['--hosts', '1'], '--hosts must be a whole number from 2 to 64, not 1'],
    [['--rate', '1gb'], '--rate must be a bandwidth, such as 1gbit or 100mbit, not 1gb'],
    [['--delay', '1'], '--delay must be a time, such as 0.2ms or 50us, not 1'],
    [['--mpi', 'mvapich'], '--mpi must be openmpi or mpich, not mvapich'],
  ])('refuses %s', async (args, message) => {
    expect(await run(...args)).toEqual({ code: 1, stdout: '', stderr: `${message}\n` });
  });

  test.skipIf(process.getuid?.() === 0)('says that it needs root', async () => {
    expect(await run()).toMatchObject({ code: 1, stderr: expect.stringMatching(/^npm run cluster .* root .*\n$/) });
  });
});

describe.skipIf(reason !== '')(`hosts of one machine ${reason}`, () => {
  test('are joined by a network that can be measured', async () => {
    const { code, stdout, stderr } = await run('--rate', '100mbit');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^round trip \d+\.\d+ ms, \d+ Mbit\/s\n$/);
  });

  test('count what they send, and limit its rate', async () => {
    const hosts = makeHosts({ count: 3, rate: '8mbit' });
    try {
      const start = (host: string, script: string): ChildProcess => {
        const child = spawn(hosts.agent, ['-x', host, `exec '${process.execPath}' -e "${script}"`]);
        children.push(child);
        return child;
      };
      const receiver = start(
        'host3',
        `require('net').createServer((s) => s.resume().on('end', () => process.exit())).listen(80, () => console.log())`,
      );
      await once(receiver.stdout!, 'data');
      const received = once(receiver, 'exit');
      start('host2', `require('net').connect(80, 'host3').end(Buffer.alloc(3e5))`);
      expect(await received).toEqual([0, null]);
      const [first, second, third] = hosts.traffic();
      expect(first.sent).toBeLessThan(1e4);
      expect(second.sent).toBeGreaterThan(3e5);
      expect(second.sent).toBeLessThan(3.3e5);
      expect(third.received).toBeGreaterThan(3e5);
      const { stdout } = spawnSync(hosts.agent, ['host2', 'tc qdisc show dev eth0'], { encoding: 'utf8' });
      expect(stdout).toMatch(/^qdisc tbf .* root .* rate 8Mbit/);
    } finally {
      hosts.remove();
    }
    expect(namespacesOf(process.pid)).toEqual([]);
  });

  test.skipIf(!installed)('are removed when their program is interrupted, or has been killed', async () => {
    const args = [program, '--mpi', String(installed), '--', 'sh', '-c', 'echo started; sleep 1000'];
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
      children.push(child);
      await once(child.stdout, 'data');
      expect(namespacesOf(child.pid!)).toHaveLength(3);
      child.kill(signal);
      const [code] = await once(child, 'exit');
      expect(code).toBeGreaterThan(0);
      expect(namespacesOf(child.pid!)).toEqual([]);
    }
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    children.push(child);
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(namespacesOf(child.pid!)).toHaveLength(3);
    makeHosts({ count: 2 }).remove();
    expect(namespacesOf(child.pid!)).toEqual([]);
  });

  for (const library of mpiLibraries) {
    const missing = reasonOf(() => findMpirun(library));
    test.skipIf(missing !== '')(`run a command by ${library} ${missing}`, async () => {
      const command =
        'echo "$(hostname) $PMI_RANK$OMPI_COMM_WORLD_RANK $(getent hosts host3)"; exit $PMI_RANK$OMPI_COMM_WORLD_RANK';
      const { code, stdout, stderr } = await run('--hosts', '3', '--mpi', library, '--', 'sh', '-c', command);
      expect(stdout.trim().split('\n').sort()).toEqual(
        ['host1 0', 'host2 1', 'host3 2'].map((line) => expect.stringMatching(`^${line} 198.18.0.3 +host3$`)),
      );
      expect(code).toBeGreaterThan(0);
      expect(stderr).toMatch(/\nhost3: \d+\.\d+ MB sent, \d+\.\d+ MB received\n$/);
    });
  }
});
