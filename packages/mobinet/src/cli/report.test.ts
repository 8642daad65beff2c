import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { sharedFolder } from '../training/fixtures.test.helper.js';
import { commandLineIn, tiny, tinyRunIn } from './cli.test.helper.js';

const folder = sharedFolder();
const { ask } = commandLineIn(folder);
const { data, run, model, checkpoint } = tinyRunIn(folder, ask);
const bin = fileURLToPath(new URL('../../bin/mobinet.js', import.meta.url));

/** The titles of the sections of a report. */
const sectionsOf = (html: string): string[] => Array.from(html.matchAll(/<h2>(.*?)<\/h2>/g), ([, title]) => title);

const all = ['Training', 'Signs of the binary weights', 'Scaling factors and slopes', 'Validation images'];

describe('mobinet report', () => {
  test('writes what training has written: all curves, weights and predictions', async () => {
    const page = readFileSync(join(run, 'report.html'), 'utf8');
    expect(sectionsOf(page)).toEqual(all);
    const out = join(folder, 'again.html');
    const { code, stderr, stdout } = await ask(['report', run, '--out', out, '--workers', '1', '--device', 'cpu']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const again = readFileSync(out, 'utf8');
    expect(stdout).toBe(`${out}, ${Buffer.byteLength(again).toLocaleString('en-US')} bytes\n`);
    expect(again).toBe(page.replace('The saved network of epoch 1', 'The saved network'));
  });

  test('of a checkpoint shows its own network, and of images that are gone only the rest', async () => {
    const out = join(folder, 'gone.html');
    const moved = join(folder, 'moved');
    renameSync(data, moved);
    const args = ['report', checkpoint, '--out', out, '--workers', '1', '--device', 'cpu'];
    const missing = await ask(args);
    const rest = readFileSync(out, 'utf8');
    const found = await ask([...args, '--data', moved, '--json']);
    renameSync(moved, data);
    expect(missing.code).toBe(0);
    expect(missing.stderr).toMatch(
      /^warning: the report lacks the validation images: .*images.*\. Give them with --data or --idx\n$/,
    );
    expect(sectionsOf(rest)).toEqual(all.slice(0, 3));
    expect(found.code, found.stderr).toBe(0);
    const page = readFileSync(out, 'utf8');
    expect(page).toContain('The network of the checkpoint: ');
    expect(JSON.parse(found.stdout)).toEqual({ file: out, bytes: Buffer.byteLength(page), images: true });
  });
});

describe('mobinet evaluate --report', () => {
  const evaluate = ['evaluate', data, '--model', model, '--workers', '1', '--device', 'cpu'];

  test('writes the page of a packed model, whose counts are those of its accuracy', async () => {
    const file = join(folder, 'evaluated.html');
    const { code, stdout, stderr } = await ask([...evaluate, '--report', file, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: `wrote ${file}\n` });
    const page = readFileSync(file, 'utf8');
    expect(sectionsOf(page)).toEqual(['Validation images']);
    const { classes } = JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)![1]);
    const hits = classes.reduce((sum: number, { hits }: { hits: number }) => sum + hits, 0);
    expect((100 * hits) / 12).toBeCloseTo(JSON.parse(stdout).top1, 9);
  });

  test('ends with one line before it evaluates if the file cannot be written', async () => {
    for (const [file, message] of [
      [folder, /^error: .* is a folder, not a file.*\n$/],
      [join(folder, 'nowhere', 'report.html'), /^error: .*there is no folder .*nowhere.*\n$/],
    ] as const) {
      const { code, stdout, stderr } = await ask([...evaluate, '--report', file]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(message);
    }
  });
});

describe('mobinet train', () => {
  /** Trains in a process of its own, so that it can be interrupted. */
  function train(...flags: string[]) {
    const args = ['train', '--data', data, ...tiny, '--device', 'cpu', ...flags];
    const child = spawn(process.execPath, [bin, ...args], { cwd: folder });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    const said = async (pattern: RegExp): Promise<RegExpMatchArray> => {
      while (!pattern.test(stderr)) await once(child.stderr, 'data');
      return stderr.match(pattern)!;
    };
    return { child, said };
  }

  test('--watch shows the report while it grows, and Ctrl-C ends training and server', async () => {
    const out = join(folder, 'watched');
    const { child, said } = train('--epochs', '1000', '--watch', '0', '--tensorboard', '--out', out);
    const ended = once(child, 'close');
    const [, url] = await said(/the report is live at (\S+)/);
    const first = await fetch(url);
    // The page may do nothing but ask for itself.
    expect(first.headers.get('Content-Security-Policy')).toMatch(
      /^default-src 'none'; img-src data:; style-src 'unsafe-inline'; .*connect-src 'self'; script-src 'sha256-/,
    );
    expect(sectionsOf(await first.text())).not.toContain('Validation images');
    await expect
      .poll(async () => sectionsOf(await (await fetch(url)).text()), { timeout: 60_000 })
      .toEqual(all.slice(0, 2));
    child.kill('SIGINT');
    expect((await ended)[0]).toBe(130);
    await expect(fetch(url)).rejects.toThrow();
    // The file in the run folder has all epochs, and asks nobody for anything.
    const page = readFileSync(join(out, 'report.html'), 'utf8');
    expect(page).not.toContain('fetch(');
    const epochs = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n').length;
    expect(page).toContain(`<dd>${epochs} of 1000</dd>`);
    expect(existsSync(join(out, 'events.out.tfevents.mobinet'))).toBe(true);
  });

  test('ends before it starts if the port of --watch is taken, or the report cannot be written', async () => {
    const server = createServer().listen(0, 'localhost');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const args = ['train', '--data', data, ...tiny, '--epochs', '1'];
    const taken = await ask([...args, '--watch', String(port), '--out', join(folder, 'taken')]);
    server.close();
    expect({ code: taken.code, stderr: taken.stderr }).toEqual({
      code: 1,
      stderr: `error: port ${port} is already in use. Choose another --watch, or 0 for any free port\n`,
    });
    expect(existsSync(join(folder, 'taken'))).toBe(false);
    const blocked = join(folder, 'blocked');
    mkdirSync(join(blocked, 'report.html'), { recursive: true });
    const { code, stderr } = await ask([...args, '--out', blocked]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*report\.html is a folder, not a file.*\n$/);
  });
});
