import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { hasEnded, thisProcess } from './process-identity.js';

describe('hasEnded', () => {
  test('is false for this process, and true for one that has been waited for', () => {
    expect(hasEnded(thisProcess())).toBe(false);
    const { pid } = spawnSync(process.execPath, ['--version']);
    expect(hasEnded({ ...thisProcess(), pid })).toBe(true);
  });

  test.runIf(existsSync('/proc/self/stat'))('is true for a process that nobody has waited for', async () => {
    // The shell becomes a program that never asks for the exit code of its child.
    const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [output] = await once(parent.stdout, 'data');
      const pid = Number(output);
      const fields = () => readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\)/s, '').trim().split(' ');
      const identity = { ...thisProcess(), pid, start: fields()[19] };
      expect(hasEnded(identity)).toBe(false);
      while (fields()[0] !== 'Z') await sleep(20);
      expect(hasEnded(identity)).toBe(true);
    } finally {
      parent.kill('SIGKILL');
    }
  });
});
