import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { root } from './lib/flags.js';

// Holds the commands and files of docs/distributed.md to each other, and to the flags that `mobinet train` has.

const page = readFileSync(join(root, 'docs/distributed.md'), 'utf8');

function blocks(language: string): string[] {
  return Array.from(page.matchAll(new RegExp(`^( *)\`\`\`${language}\\n(.*?)^ *\`\`\``, 'gms')), ([, indent, text]) =>
    text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
}

interface Container {
  readonly image: string;
  readonly command: readonly string[];
  readonly args?: readonly string[];
  readonly readinessProbe?: { readonly tcpSocket: { readonly port: number } };
  readonly volumeMounts: readonly { readonly name: string }[];
}

interface Replicas {
  readonly replicas: number;
  readonly template: {
    readonly spec: {
      readonly containers: readonly Container[];
      readonly volumes: readonly { readonly name: string }[];
    };
  };
}

interface MpiJob {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly slotsPerWorker: number;
    readonly sshAuthMountPath: string;
    readonly mpiReplicaSpecs: { readonly Launcher: Replicas; readonly Worker: Replicas };
  };
}

describe('docs/distributed.md', () => {
  const scripts = blocks('sh');

  test('has scripts that a shell can parse', () => {
    expect(scripts.length).toBeGreaterThan(5);
    for (const script of scripts) {
      expect(spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    }
  });

  test('uses flags that mobinet train has', () => {
    const help = execFileSync(process.execPath, [join(root, 'packages/mobinet/bin/mobinet.js'), 'train', '--help'], {
      encoding: 'utf8',
    });
    const known = new Set(help.match(/--[a-z-]+/g));
    const commands = [...scripts, ...blocks('yaml')].join('\n').matchAll(/(?:mobinet train|options=\(|set --)(.*)/g);
    const used = Array.from(commands, ([, flags]) => flags.match(/--[a-z-]+/g) ?? []).flat();
    expect(used).toEqual(expect.arrayContaining(['--data', '--out', '--resume', '--threads']));
    expect(used.filter((flag) => !known.has(flag))).toEqual([]);
  });

  describe('has a job for Kubernetes', () => {
    const [image] = blocks('dockerfile');
    const job: MpiJob = parse(blocks('yaml')[0]);
    const { Launcher, Worker } = job.spec.mpiReplicaSpecs;
    const [launcher] = Launcher.template.spec.containers;
    const [worker] = Worker.template.spec.containers;

    test('of the MPI operator', () => {
      expect(job).toMatchObject({ apiVersion: 'kubeflow.org/v2beta1', kind: 'MPIJob' });
      expect(Launcher.replicas).toBe(1);
      expect(launcher.image).toBe(worker.image);
      expect(scripts.join()).toContain(`job/${job.metadata.name}-launcher`);
      for (const { template } of [Launcher, Worker]) {
        const volumes = template.spec.volumes.map(({ name }) => name);
        expect(template.spec.containers[0].volumeMounts.map(({ name }) => name)).toEqual(volumes);
      }
    });

    test('that starts a rank in each slot of the workers, a power of two', () => {
      const ranks = Number(/mpirun -n (\d+)/.exec(launcher.args!.join())![1]);
      expect(ranks).toBe(Worker.replicas * job.spec.slotsPerWorker);
      expect(Math.log2(ranks) % 1).toBe(0);
    });

    test('whose ssh server is where its image has it', () => {
      expect(image).toContain(`> ${worker.command.at(-1)}`);
      expect(image).toContain(`'HostKey ${job.spec.sshAuthMountPath}/id_rsa'`);
      const ports = Array.from(image.matchAll(/'\s*Port (\d+)'/g), ([, port]) => Number(port));
      expect(ports).toEqual([worker.readinessProbe!.tcpSocket.port, worker.readinessProbe!.tcpSocket.port]);
    });
  });

  test('has the table that `npm run scaling` reckons', () => {
    const script = join(root, 'scripts/scaling.js');
    const args = ['--conditions=mobinet-unbundled', script, '--check'];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
