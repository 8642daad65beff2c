import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import module from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const bin = fileURLToPath(new URL('../../bin/mobinet.js', import.meta.url));

test.runIf('enableCompileCache' in module)('the command line keeps its compiled modules for the next start', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mobinet-compile-cache-'));
  try {
    const { NODE_COMPILE_CACHE: _folder, NODE_DISABLE_COMPILE_CACHE: _disabled, ...env } = process.env;
    execFileSync(process.execPath, [bin, '--version'], { env: { ...env, TMPDIR: folder, TEMP: folder, TMP: folder } });
    const files = readdirSync(join(folder, 'node-compile-cache'), { recursive: true, withFileTypes: true });
    expect(files.filter((entry) => entry.isFile()).length).toBeGreaterThan(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
