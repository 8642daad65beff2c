import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listChapters } from './lib/chapters.js';

function run(script: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, MOBINET_SOLUTIONS: '', NO_COLOR: '1', FORCE_COLOR: undefined };
  return new Promise((resolve) => {
    execFile(process.execPath, [join(import.meta.dirname, script), ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

const chapters = listChapters();

describe.each(['chapter', 'exercise'])('npm run %s', (name) => {
  test('lists the chapters', async () => {
    const { code, stdout, stderr } = await run(`${name}.js`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: npm run ${name} <number>\n`);
    for (const { number, title } of chapters) expect(stdout).toContain(` ${number}  ${title}\n`);
    expect(await run(`${name}.js`, '--help')).toEqual({ code, stdout, stderr });
  });

  test('refuses what is not a chapter in one line that lists them', async () => {
    for (const wrong of ['0', '99', '1.5', 'spiral'])
      expect(await run(`${name}.js`, wrong)).toEqual({
        code: 1,
        stdout: '',
        stderr: `there is no chapter ${wrong}. The chapters are ${chapters.map(({ name }) => name).join(', ')}\n`,
      });
    expect(await run(`${name}.js`, '--fast')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^[^\n]+\n$/) });
  });
});

test('npm run chapter takes a number or the name of a folder', async () => {
  const { name } = chapters[0];
  const byName = await run('chapter.js', name);
  expect(byName).toMatchObject({ code: 0, stderr: '' });
  expect(await run('chapter.js', '1')).toEqual(byName);
});

test('npm run chapter ends quietly when nobody reads on', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'chapter.js'), '2'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdout.destroy();
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test('every exercise fails as delivered, and its error says what is to do', async () => {
  const { code, stdout, stderr } = await run('exercise.js', ...chapters.map(({ name }) => name));
  expect(code).toBe(1);
  const [, failed, all] = /^ +Tests +(\d+) failed \((\d+)\)$/m.exec(stdout) ?? [];
  expect(failed, stdout).toBe(all);
  expect(Number(all)).toBeGreaterThanOrEqual(2 * chapters.length);
  // One error can be that of several tests, whose names are then listed before it.
  const errors = stderr.split(/(?:^ FAIL .*\n)+/m).slice(1);
  expect(errors.filter((error) => !error.includes('to do: '))).toEqual([]);
});
