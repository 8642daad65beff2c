import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openImageFolder } from '../data/image-folder.js';
import { decodeCheckpoint } from '../training/checkpoint.js';
import { writePacked } from '../training/files.js';
import { copyImages, sharedFolder } from '../training/fixtures.test.helper.js';
import { presets } from '../training/presets.js';
import { newRun } from '../training/run.js';
import { tiny } from './cli.test.helper.js';

// What happens to a running command line when its terminal or pipe is closed, or another process sends a signal.

const mobinet = fileURLToPath(new URL('../../bin/mobinet.js', import.meta.url));
const folder = sharedFolder();
const data = join(folder, 'images');
const model = join(folder, 'model.safetensors');
/** Effectively trains forever. */
const training = ['train', '--data', data, ...tiny, '--threads', '1', '--device', 'cpu', '--epochs', '100000'];

/** All started processes, to be killed at the end if a failed test has left them running. */
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

function start(args: readonly string[]) {
  const child = spawn(process.execPath, [mobinet, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  return child;
}

/** Waits until the output of a stream matches `text`. */
async function outputMatching(stream: Readable, text: RegExp): Promise<string> {
  let all = '';
  for await (const piece of stream.iterator({ destroyOnReturn: false })) {
    all += piece;
    if (text.test(all)) return all;
  }
  throw new Error(`the output did not match ${text}: ${all}`);
}

function savedSteps(out: string): number {
  const run = decodeCheckpoint(readFileSync(join(out, 'checkpoint.safetensors')));
  run.model.dispose();
  run.optimizer.dispose();
  return run.optimizer.step;
}

beforeAll(async () => {
  const { classes, train } = openImageFolder(copyImages(data));
  const { training: options } = presets.small();
  const run = newRun({ width: 0.0625, k: 1, imageSize: 32 }, options, { classes, trainImages: train.length });
  await writePacked(run, model);
  run.model.dispose();
});

describe('train', () => {
  test('keeps others out of its folder, saves at SIGTERM, and exits with its code', async () => {
    const out = join(folder, 'terminated');
    const child = start([...training, '--out', out]);
    await outputMatching(child.stderr, /^epoch 1:/m);
    const { status, stderr } = spawnSync(process.execPath, [mobinet, ...training, '--out', out], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(
        /^error: .*terminated is in use by process \d+ on .*\nSee docs\/help\.md#run-folder\n$/,
      ),
    });
    const ending = outputMatching(child.stderr, /stopped and saved\. Continue with --resume/);
    child.kill('SIGTERM');
    await ending;
    const [code] = await once(child, 'close');
    expect(code).toBe(143);
    expect(readdirSync(out).sort()).toEqual([
      'best.safetensors',
      'checkpoint.safetensors',
      'metrics.jsonl',
      'report.html',
    ]);
  });

  test('continues when nobody reads its output any more, and saves when its terminal is closed', async () => {
    const out = join(folder, 'unread');
    const child = start([...training, '--out', out]);
    await outputMatching(child.stderr, /^epoch 1:/m);
    const before = savedSteps(out);
    child.stdout.destroy();
    child.stderr.destroy();
    // Every epoch prints a line that nobody reads.
    while (savedSteps(out) < before + 6) await new Promise((resolve) => setTimeout(resolve, 50));
    // The shell and the system both signal that a terminal was closed.
    for (const signal of ['SIGHUP', 'SIGHUP'] as const) child.kill(signal);
    const [code] = await once(child, 'exit');
    expect(code).toBe(129);
    expect(readdirSync(out).sort()).toEqual([
      'best.safetensors',
      'checkpoint.safetensors',
      'metrics.jsonl',
      'report.html',
    ]);
    expect(savedSteps(out)).toBeGreaterThanOrEqual(before + 6);
  });
});

describe('predict', () => {
  const images = readdirSync(join(copyImages(join(folder, 'many')), 'val'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.png'))
    .map((name) => join(folder, 'many', 'val', name));
  const many = Array.from({ length: 5000 }, (_, i) => images[i % images.length]);

  test('prints predictions until it is interrupted, and lists the missing images', async () => {
    const child = start(['predict', '--model', model, '--json', ...many]);
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      if (stdout === '') child.kill('SIGINT');
      stdout += text;
    });
    const [code] = await once(child, 'close');
    expect(code).toBe(130);
    const { predictions, missing } = JSON.parse(stdout);
    expect(predictions.length).toBeGreaterThan(0);
    expect(missing).toEqual(many.slice(predictions.length));
    expect(missing.length).toBeGreaterThan(0);
  });

  test('prints its first prediction immediately, and ends quietly when its reader closes the pipe', async () => {
    const child = start(['predict', '--model', model, ...many]);
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    const [first] = await once(child.stdout.setEncoding('utf8'), 'data');
    child.stdout.destroy();
    expect(first.split('\n')[0]).toBe(many[0]);
    const [code] = await once(child, 'close');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

describe('work that can be interrupted', () => {
  const program = `
    import { interruptible } from ${JSON.stringify(new URL('./program.js', import.meta.url))};
    const { signal } = interruptible('stopping …');
    signal.addEventListener('abort', () => console.log(signal.reason.message));
    setInterval(() => {}, 1000);
    console.log('ready');`;

  interface Case {
    /** Signals sent together. */
    readonly first: readonly NodeJS.Signals[];
    /** Signals sent after the first were handled, with pauses as between key presses. */
    readonly later: readonly NodeJS.Signals[];
    readonly code: number;
    readonly received: string;
    readonly env?: Record<string, string>;
  }

  const cases: [what: string, signals: Case][] = [
    ['a second Ctrl-C', { first: ['SIGINT'], later: ['SIGINT'], code: 130, received: 'SIGINT' }],
    [
      'a signal after a Ctrl-C that npm has forwarded',
      { first: ['SIGINT', 'SIGINT'], later: ['SIGTERM'], code: 143, received: 'SIGINT' },
    ],
    [
      'SIGTERM after SIGUSR2, which launchers of MPI pass on',
      { first: ['SIGUSR2'], later: ['SIGTERM'], code: 143, received: 'SIGUSR2' },
    ],
    [
      'SIGTERM after a closed terminal, which signals twice',
      { first: ['SIGHUP'], later: ['SIGHUP', 'SIGTERM'], code: 143, received: 'SIGHUP' },
    ],
    [
      'a second SIGTERM under nohup, which ignores a closed terminal',
      {
        first: ['SIGHUP', 'SIGTERM'],
        later: ['SIGHUP', 'SIGTERM'],
        code: 143,
        received: 'SIGTERM',
        env: { _: '/usr/bin/nohup' },
      },
    ],
  ];

  test.each(cases)('ends immediately at %s', async (_, { first, later, code, received, env = {} }) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { env: { ...process.env, ...env } });
    children.push(child);
    await outputMatching(child.stdout, /ready/);
    const interruption = outputMatching(child.stdout, /interrupted by \w+/);
    const closed = once(child, 'close');
    for (const signal of first) child.kill(signal);
    expect((await interruption).trim()).toBe(`interrupted by ${received}`);
    for (const signal of later) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(child.exitCode).toBeNull();
      child.kill(signal);
    }
    expect((await closed)[0]).toBe(code);
  });
});

describe('an uncaught error', () => {
  test('lets work save first, and is then reported in one line', async () => {
    const program = `
      import { once } from 'node:events';
      import { Command } from ${JSON.stringify(import.meta.resolve('commander'))};
      import { interruptible, runProgram } from ${JSON.stringify(new URL('./program.js', import.meta.url))};
      await runProgram(new Command('work').action(async () => {
        const { signal, release } = interruptible('stopping …');
        setTimeout(() => { throw new Error('out of the blue'); });
        await once(signal, 'abort');
        release();
        console.log('saved');
        throw signal.reason;
      }));`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: 'saved\n', stderr: 'error: out of the blue\n' });
  });
});

const hasTerminal = spawnSync('script', ['--version']).status === 0;

describe.skipIf(!hasTerminal)('in a terminal', () => {
  /** Runs a command line in its own terminal, and presses Ctrl-C when the screen matches `shown`. */
  async function inTerminal(args: readonly string[], shown: RegExp): Promise<{ code: number; screen: string }> {
    const command = [process.execPath, mobinet, ...args].map((word) => `'${word}'`).join(' ');
    const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    let screen = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      if (shown.test(screen + text) && !shown.test(screen)) child.stdin.write('\x03');
      screen += text;
    });
    const [code] = await once(child, 'close');
    return { code, screen };
  }

  test('evaluate stops at Ctrl-C, and leaves the terminal unchanged', async () => {
    // Enough images that the evaluation is still running when the key arrives, however slow the terminal is.
    const [some, many] = ['50-of-each', '400-of-each'].map((name) => join(folder, name));
    copyImages(some, { train: 1, val: 50 });
    for (const name of readdirSync(join(some, 'val'))) {
      for (let copy = 0; copy < 8; copy++) {
        cpSync(join(some, 'val', name), join(many, 'val', name, `${copy}`), { recursive: true });
      }
    }
    const { code, screen } = await inTerminal(
      ['evaluate', many, '--model', model, '--batch', '1', '--workers', '1'],
      /evaluating \[/,
    );
    expect(code).toBe(130);
    expect(screen).toMatch(/stopped after \d+ of 1200 images\r\n$/);
    expect(screen).not.toContain('\x1b[?');
  });

  test('train saves at Ctrl-C, and leaves the terminal unchanged', async () => {
    const out = join(folder, 'terminal');
    const { code, screen } = await inTerminal([...training, '--out', out], /epoch 2\/100000 \[/);
    expect(code).toBe(130);
    expect(screen).toMatch(/stopped and saved\. Continue with --resume .*\r\n$/);
    expect(screen).not.toContain('\x1b[?');
  });

  test('train saves when its terminal is closed, and ends without further output', async () => {
    const out = join(folder, 'closed');
    const [errors, number] = [join(folder, 'closed.stderr'), join(folder, 'closed.pid')];
    const line = [process.execPath, mobinet, ...training, '--out', out].map((word) => `'${word}'`).join(' ');
    const command = `echo $$ >'${number}'; exec ${line} 2>'${errors}'`;
    const terminal = spawn('script', ['-qec', command, '/dev/null'], {
      cwd: folder,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(terminal);
    const isSaved = () => existsSync(join(out, 'best.safetensors'));
    while (!isSaved()) await new Promise((next) => setTimeout(next, 50));
    terminal.kill('SIGKILL');
    while (isAlive(Number(readFileSync(number, 'utf8')))) await new Promise((next) => setTimeout(next, 50));
    // Otherwise Node would fail to restore the terminal, print why, and abort.
    expect(readFileSync(errors, 'utf8')).toMatch(/stopped and saved\. Continue with --resume .*\n$/);
    expect(readdirSync(out).sort()).toEqual([
      'best.safetensors',
      'checkpoint.safetensors',
      'metrics.jsonl',
      'report.html',
    ]);
  });

  function isAlive(pid: number): boolean {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  }
});
