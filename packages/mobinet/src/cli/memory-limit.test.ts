import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { sharedFolder } from '../training/fixtures.test.helper.js';

// A limit on virtual memory, as on shared machines. Node 20 reserves 10 GiB of address space for a WebAssembly memory;
// Node 24 and later do without if they cannot. Node 22 itself needs such a memory to import CommonJS modules.

const nodeVersion = Number.parseInt(process.versions.node, 10);

const mobinet = fileURLToPath(new URL('../../bin/mobinet.js', import.meta.url));

function limited(args: string, environment = ''): Promise<{ failed: boolean; stdout: string; stderr: string }> {
  const command = `ulimit -v 8000000 && ${environment} exec '${process.execPath}' '${mobinet}' ${args}`;
  return new Promise((resolve) =>
    execFile('bash', ['-c', command], (error, stdout, stderr) => resolve({ failed: error !== null, stdout, stderr })),
  );
}

// Other systems have no such limit.
describe.skipIf(process.platform !== 'linux' || nodeVersion === 22)('under ulimit -v', () => {
  const model = join(sharedFolder(), 'model');
  const tiny = '--width 0.0625 --k 1 --size 32 --classes 3';

  test('help and summaries need no memory for tensors', async () => {
    const outcomes = await Promise.all(['--help', '--version', `summary ${tiny}`].map((args) => limited(args)));
    for (const { failed, stdout, stderr } of outcomes) {
      expect({ failed, stderr }).toEqual({ failed: false, stderr: '' });
      expect(stdout).not.toBe('');
    }
  });

  test.runIf(nodeVersion >= 24)('a command that needs tensors works', async () => {
    expect(await limited(`export --untrained ${tiny} --out '${model}'`)).toMatchObject({ failed: false, stderr: '' });
  });

  test.runIf(nodeVersion < 22)(
    'a command that needs tensors gives a remedy in one line, and the remedy works',
    async () => {
      const untrained = `export --untrained ${tiny} --out '${model}'`;
      const refused = await limited(untrained);
      expect({ ...refused, stderr: '' }).toEqual({ failed: true, stdout: '', stderr: '' });
      expect(refused.stderr).toMatch(
        /^error: cannot reserve memory for tensors, .*set NODE_OPTIONS=[\w-]+\.\nSee docs\/help\.md#out-of-memory\n$/,
      );
      const [remedy] = /NODE_OPTIONS=[\w-]+/.exec(refused.stderr)!;
      expect(await limited(untrained, remedy)).toMatchObject({ failed: false, stderr: '' });
      const timed = await limited(`bench '${model}' --threads 2 --seconds 0.01 --json`, remedy);
      expect({ ...timed, stdout: '' }).toEqual({ failed: false, stdout: '', stderr: '' });
      expect(JSON.parse(timed.stdout)).toMatchObject({ threads: 2 });
    },
  );
});
