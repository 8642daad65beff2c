import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { DataError } from '../data/errors.js';
import { temporaryFolder } from '../data/fixtures.test.helper.js';
import { lockFolder } from './lock-folder.js';
import { thisProcess } from './process-identity.js';

const ended = spawnSync(process.execPath, ['--version']).pid;

let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
});

const writeLock = (generation: number, owner: object | string): void =>
  writeFileSync(
    join(folder, `run-${generation}.lock`),
    typeof owner === 'string' ? owner : JSON.stringify({ since: '2026-01-31T12:00:00Z', ...owner }),
  );

describe('lockFolder', () => {
  test('admits one process at a time, names it, and leaves nothing behind', async () => {
    const lock = await lockFolder(folder);
    const file = join(folder, readdirSync(folder)[0]);
    await expect(lockFolder(folder)).rejects.toThrow(DataError);
    await expect(lockFolder(folder)).rejects.toThrow(
      `${folder} is in use by process ${process.pid} on ${hostname()} since ${JSON.parse(readFileSync(file, 'utf8')).since}. ` +
        `Wait for that run, or choose another --out. If that process has ended, remove ${file}`,
    );
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
    (await lockFolder(folder)).release();
  });

  const stale: [what: string, owner: object][] = [
    ['that has ended', { host: hostname(), pid: ended, start: '1' }],
    ['that has ended, on a system without /proc', { host: hostname(), pid: ended, start: null }],
    ['whose ID now belongs to another', { ...thisProcess(), start: '1' }],
  ];

  test.each(stale)('takes over from a process %s', async (_, owner) => {
    writeLock(3, owner);
    const lock = await lockFolder(folder);
    expect(readdirSync(folder)).toEqual(['run-4.lock']);
    await expect(lockFolder(folder)).rejects.toThrow(`process ${process.pid}`);
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  const held: [what: string, owner: object | string, message: RegExp][] = [
    ['another machine holds', { host: `not-${hostname()}`, pid: ended, start: '1' }, /process \d+ on not-/],
    ['a process of another user holds', { host: hostname(), pid: 1, start: null }, /process 1 on/],
    ['is just being written', '', /in use by an unknown process/],
    ['cannot be parsed', '{"pid": "many"}', /in use by an unknown process/],
  ];

  test.each(held)('does not take over a lock that %s', async (_, owner, message) => {
    writeLock(1, owner);
    await expect(lockFolder(folder)).rejects.toThrow(message);
    expect(readdirSync(folder)).toEqual(['run-1.lock']);
  });

  test.each(['free', 'stale'])('admits one of many concurrent attempts: the folder is %s', async (state) => {
    for (let round = 0; round < 20; round++) {
      if (state === 'stale') writeLock(1 + (round % 3), stale[0][1]);
      const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)));
      const winners = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
      expect(winners).toHaveLength(1);
      winners[0].release();
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  test('admits one of several processes, and goes stale when that is killed', async () => {
    const program = `
      import { lockFolder } from ${JSON.stringify(new URL('./lock-folder.js', import.meta.url))};
      process.stdin.once('data', async () => {
        console.log(await lockFolder(process.argv[1]).then(() => 'in', () => 'out'));
        process.stdin.once('data', () => process.kill(process.pid, 'SIGKILL'));
      });
      console.log('ready');`;
    writeLock(1, stale[0][1]);
    const children = Array.from({ length: 3 }, () =>
      execFile(process.execPath, ['--input-type=module', '-e', program, folder]),
    );
    const next = (child: (typeof children)[number]) =>
      new Promise<string>((resolve) => child.stdout!.once('data', (text) => resolve(String(text).trim())));
    await Promise.all(children.map(next));
    const outcomes = Promise.all(children.map(next));
    for (const child of children) child.stdin!.write('go\n');
    expect((await outcomes).sort()).toEqual(['in', 'out', 'out']);
    const gone = Promise.all(children.map((child) => new Promise((resolve) => child.once('close', resolve))));
    for (const child of children) child.stdin!.write('go\n');
    await gone;
    expect(readdirSync(folder)).toEqual(['run-2.lock']);
    (await lockFolder(folder)).release();
    expect(readdirSync(folder)).toEqual([]);
  });
});
