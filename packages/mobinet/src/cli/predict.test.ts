import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Rng } from '@mobinet/tensor';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeImage } from '../data/decode.js';
import { loadPacked } from '../export/packed-model.js';
import { copyImages, sharedFolder } from '../training/fixtures.test.helper.js';
import { commandLineIn, tinyNetwork } from './cli.test.helper.js';

// Images that are named by folders, globs and URLs.

const mobinet = fileURLToPath(new URL('../../bin/mobinet.js', import.meta.url));
const folder = sharedFolder();
const { ask } = commandLineIn(folder);
const model = join(folder, 'model.safetensors');
const png = (() => {
  const source = join(copyImages(join(folder, 'source'), { classes: 1 }), 'val');
  const [label] = readdirSync(source);
  return join(source, label, readdirSync(join(source, label))[0]);
})();

/** Responses that the server holds back, by their path, until a test sends them. */
const held = new Map<string, ServerResponse>();
const server = createServer(({ url = '' }, response) => {
  if (url.startsWith('/held')) held.set(url, response);
  else if (url === '/moved') response.writeHead(301, { Location: '/cat.png?size=large' }).end();
  else if (url.startsWith('/cat.png')) response.end(readFileSync(png));
  else if (url === '/page') response.end('<!doctype html><title>A cat</title>');
  else response.writeHead(404).end();
});
let origin: string;

beforeAll(async () => {
  for (const name of ['photos/cat/1.png', 'photos/cat/2.png', 'photos/3.png']) cpSync(png, join(folder, name));
  mkdirSync(join(folder, 'empty'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { code, stderr } = await ask(['export', '--untrained', ...tinyNetwork, '--classes', '3', '--out', model]);
  expect(code, stderr).toBe(0);
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const predict = (...images: readonly string[]) => ask(['predict', '--model', model, '--json', ...images]);

const namesIn = (stdout: string): string[] =>
  JSON.parse(stdout).predictions.map(({ image }: { image: string }) => image);

describe('predict', () => {
  test('sees all pixels of large photos, as a web page does', async () => {
    const pixels = Rng.fromSeed(3).uniform([600, 800, 3], 0, 255).values;
    const large = join(folder, 'large.jpg');
    await sharp(Uint8Array.from(pixels), { raw: { height: 600, width: 800, channels: 3 } }).toFile(large);
    const { stdout } = await predict('--top', '3', large);
    const network = await loadPacked(model);
    const [expected] = await network.predict([await decodeImage(readFileSync(large), { pixelLimit: 1e6 })]);
    expect(JSON.parse(stdout).predictions[0].classes).toEqual(expected);
    network.dispose();
  });

  test('takes folders, globs and URLs, and predicts the same for the same image', async () => {
    const urls = [`${origin}/cat.png?a=*`, `${origin}/moved`];
    const { code, stdout, stderr } = await predict(urls[0], 'photos', 'ph*/*.png', png, urls[1]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const inFolder = ['3.png', 'cat/1.png', 'cat/2.png'].map((name) => join('photos', name));
    expect(namesIn(stdout)).toEqual([urls[0], ...inFolder, inFolder[0], png, urls[1]]);
    const [first, ...others] = JSON.parse(stdout).predictions;
    expect(first.classes).toHaveLength(3);
    for (const { classes } of others) expect(classes).toEqual(first.classes);
  });

  test('reports each broken URL in one line, and predicts the others', async () => {
    const [none, page, good] = ['none.png', 'page', 'cat.png'].map((name) => `${origin}/${name}`);
    const { code, stdout, stderr } = await predict(none, page, good);
    expect({ code, names: namesIn(stdout) }).toEqual({ code: 1, names: [good] });
    expect(stderr.trimEnd().split('\n')).toEqual([
      `error: cannot read ${none}: the server responded with 404 Not Found. Check the URL`,
      `error: skipped ${page}: it is an HTML page, not an image. Download the image itself`,
    ]);
  });

  test('rejects folders and globs without images before it predicts anything', async () => {
    for (const [argument, message] of [
      ['empty', /^error: empty holds no images\. Check the path; .*\nSee docs\/help\.md#images-not-found\n$/],
      [
        'photos/*.gif',
        /^error: no images match photos\/\*\.gif\. Check the path; .*\nSee docs\/help\.md#images-not-found\n$/,
      ],
    ] as const) {
      const { code, stdout, stderr } = await predict(png, argument);
      expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
    }
  });

  test('reports ignored files as warnings', async () => {
    cpSync(png, join(folder, 'some', '1.png'));
    cpSync(png, join(folder, 'some', 'notes.txt'));
    const { code, stdout, stderr } = await predict('some');
    expect({ code, names: namesIn(stdout) }).toEqual({ code: 0, names: [join('some', '1.png')] });
    expect(stderr).toMatch(
      /^warning: some: ignored files without an image extension \(1, such as some.notes\.txt\)\n$/,
    );
  });

  test('prints a prediction before the next image arrives, and stops waiting at Ctrl-C', async () => {
    const urls = ['/held/1', '/held/2', '/held/3'].map((path) => origin + path);
    const child = spawn(process.execPath, [mobinet, 'predict', '--model', model, '--json', 'photos/3.png', ...urls], {
      cwd: folder,
    });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    const closed = once(child, 'close');
    const printed = async (count: number): Promise<void> => {
      while (stdout.split('"image"').length <= count) await once(child.stdout, 'data');
    };
    const isHeld = async (path: string): Promise<void> => {
      while (!held.has(path)) await once(server, 'request');
    };
    await printed(1);
    await isHeld('/held/1');
    held.get('/held/1')?.end(readFileSync(png));
    await printed(2);
    await isHeld('/held/2');
    child.kill('SIGINT');
    expect((await closed)[0]).toBe(130);
    expect(namesIn(stdout)).toEqual(['photos/3.png', urls[0]]);
    expect(JSON.parse(stdout).missing).toEqual(urls.slice(1));
  });
});
