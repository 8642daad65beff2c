import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const script = fileURLToPath(new URL('../../../scripts/operations.js', import.meta.url));

test('every op of a MoBiNet has a GPU kernel, and docs/operations.md is up to date', () => {
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
});
