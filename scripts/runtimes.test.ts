import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { differences, merge, type RuntimeReport } from './lib/runtime-report.js';

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(import.meta.dirname, 'runtimes.js'), ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

describe('runtimes', () => {
  test('compares this Node with itself', async () => {
    const { code, stdout, stderr } = await run('--runtime', `node-again=${process.execPath}`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [, , ...rows] = stdout.trim().split('\n');
    expect(rows).toHaveLength(2);
    for (const [index, name] of ['node', 'node-again'].entries())
      expect(rows[index]).toMatch(
        new RegExp(`^\\| ${name} \\| ${process.versions.node} \\| \\d+ \\| \\w+ \\| yes \\| `),
      );
  });

  test('refuses a runtime without a path, and one that cannot be started', async () => {
    expect(await run('--runtime', 'bun')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^--runtime must be <name>=<path>, .* not bun\n$/),
    });
    const missing = join(import.meta.dirname, 'no-such-bun');
    const { code, stderr } = await run('--runtime', `bun=${missing}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^bun: the program failed in .*no-such-bun.*ENOENT\n$/);
  });
});

describe('a report', () => {
  const report: RuntimeReport = {
    version: '1.2.3',
    threads: 2,
    multiplyAdd: 'fused',
    results: { logits: 'a', parameters: 'b' },
    warmUp: 300,
    minimum: 1,
    median: 2,
  };

  test('differs in results with other bits, and in missing ones', () => {
    expect(differences({ ...report, version: '4.5.6', minimum: 9 }, report)).toEqual([]);
    expect(differences({ ...report, results: { logits: 'a', parameters: 'c' } }, report)).toEqual(['parameters']);
    expect(differences({ ...report, results: { parameters: 'b' } }, report)).toEqual(['logits']);
  });

  test('merges rounds, if all have the same bits', () => {
    const rounds = [report, { ...report, minimum: 3, median: 4, warmUp: 200 }, { ...report, minimum: 5, median: 6 }];
    expect(merge(rounds)).toEqual({ ...report, minimum: 1, median: 4, warmUp: 200 });
    expect(() => merge([report, { ...report, results: { logits: 'c', parameters: 'b' } }])).toThrow(
      '1.2.3 computes different bits in each run',
    );
  });
});
