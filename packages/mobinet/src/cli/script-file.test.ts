import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Conv2d, GlobalAveragePool2d, Linear, Sequential } from '@mobinet/autograd';
import { Rng } from '@mobinet/tensor';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeInBrowsers } from '../browsers.test.helper.js';
import { decodeImage } from '../data/decode.js';
import type { Classifier } from '../export/classifier.js';
import { packModel } from '../export/pack.js';
import type { Prediction } from '../export/prediction.js';
import { npm, repository } from '../published.test.helper.js';
import { sharedFolder } from '../training/fixtures.test.helper.js';
import { commandLineIn } from './cli.test.helper.js';
import { serveSite } from './serve-site.js';

// Scripts made by `mobinet export --format js`, and the bundled engine, give the predictions of `mobinet predict`.

const folder = sharedFolder();
const { ask } = commandLineIn(folder);
const site = join(folder, 'site');
const model = join(repository, 'examples/web/public/model.mobinet.safetensors');
const script = join(site, 'model.js');
/** Opaque images, which all decoders read alike. */
const images = ['exif-6.jpg', 'icc.jpg', 'rgb-key.png', 'palette.png'];
/** The predictions of `mobinet predict`, by the name of the image. */
const expected: Record<string, Prediction[]> = {};

beforeAll(async () => {
  npm(repository, 'run', 'bundle');
  mkdirSync(site);
  for (const name of images)
    copyFileSync(fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url)), join(site, name));
  const { stderr } = await ask(['export', '--model', model, '--format', 'js', '--out', script]);
  expect(stderr).toBe('');
  const { stdout } = await ask([
    'predict',
    '--model',
    model,
    '--top',
    '10',
    '--json',
    ...images.map((name) => join(site, name)),
  ]);
  const { predictions } = JSON.parse(stdout) as { predictions: { image: string; classes: Prediction[] }[] };
  predictions.forEach(({ classes }, index) => {
    expected[images[index]] = classes;
  });
});

/** The pixels of an image file, as a canvas has them. */
async function rgbaOf(name: string): Promise<{ width: number; height: number; data: Uint8Array }> {
  const { width, height, pixels } = await decodeImage(readFileSync(join(site, name)), { pixelLimit: 1e6 });
  const data = new Uint8Array(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) data.set(pixels.subarray(3 * i, 3 * i + 3), 4 * i);
  return { width, height, data };
}

describe('a script', () => {
  test('classifies pixels in Node as the command line does', async () => {
    const { classes, classify } = (await import(pathToFileURL(script).href)) as Classifier;
    expect(classes).toHaveLength(10);
    for (const name of images) {
      expect(await classify(await rgbaOf(name))).toEqual(expected[name]);
      expect(await classify(await rgbaOf(name), { top: 2 })).toEqual(expected[name].slice(0, 2));
    }
  });

  test('runs in Node without other files', async () => {
    const program = `
      import { classify } from ${JSON.stringify(pathToFileURL(script).href)};
      const [{ probability }] = await classify({ width: 1, height: 1, data: new Uint8Array(4) });
      console.log(probability > 0);`;
    // Where only this file may be read. Node 20 calls the flag experimental.
    const permission = process.allowedNodeEnvironmentFlags.has('--permission') ? '' : 'experimental-';
    const flags = [`--${permission}permission`, `--allow-fs-read=${script}`, '--no-warnings', '--input-type=module'];
    expect(execFileSync(process.execPath, [...flags, '-e', program], { cwd: folder, encoding: 'utf8' })).toBe('true\n');
  });

  test('rejects what is not a picture in one line', async () => {
    const { classify } = (await import(pathToFileURL(script).href)) as Classifier;
    for (const [picture, message] of [
      [undefined, /^the picture must be pixels { width, height, data }, a Blob or an image element, not undefined$/],
      ['cat.jpg', /^the picture must be pixels .*, not cat\.jpg$/],
      [{ width: 2, height: 2, data: new Uint8Array(3) }, /^imageFromRgba: got 3 bytes instead of 4 × 2 × 2 = 16/],
      [new Blob(['x']), /^the picture: only browsers decode images here\. Pass its pixels, /],
    ] as const) {
      await expect(classify(picture as never)).rejects.toThrow(message);
    }
  });

  test('is the engine, of less than 190 kB, and the packed model in base64', () => {
    const engine = statSync(join(repository, 'packages/mobinet/dist/mobinet.min.js')).size;
    expect(engine).toBeLessThan(190_000);
    expect(statSync(script).size - engine - 4 * Math.ceil(statSync(model).size / 3)).toBeLessThan(200);
    // So that it may be part of a page.
    expect(readFileSync(script, 'utf8')).not.toContain('</script');
  });

  test('is not made of a network of other images', async () => {
    const rng = Rng.fromSeed(1);
    const gray = new Sequential(new Conv2d(1, 4, { rng }), new GlobalAveragePool2d(), new Linear(4, 2, { rng }));
    const file = join(folder, 'gray.safetensors');
    writeFileSync(file, packModel(gray, { imageShape: [8, 8, 1] }));
    const { code, stderr } = await ask(['export', '--model', file, '--format', 'js', '--out', join(folder, 'gray.js')]);
    expect(code).toBe(1);
    expect(stderr).toBe('error: a script classifies RGB images, but this network takes 8×8×1. Use --format packed\n');
  });
});

describeInBrowsers('a page', ({ newPage }) => {
  let server: Server;
  let page: Page;

  const classifyAll = `(classify) => Promise.all(${JSON.stringify(images)}.map(async (name) => {
    const image = Object.assign(new Image(), { src: name });
    return [name, await classify(await (await fetch(name)).blob()), await classify(image)];
  }))`;

  beforeAll(async () => {
    writeFileSync(join(site, 'module.html'), '<script type="module" src="module.js"></script>');
    writeFileSync(
      join(site, 'module.js'),
      `import { classify } from './model.js';
       globalThis.answer = (${classifyAll})(classify);`,
    );
    copyFileSync(join(repository, 'packages/mobinet/dist/mobinet.min.js'), join(site, 'mobinet.min.js'));
    copyFileSync(model, join(site, 'model.mobinet.safetensors'));
    writeFileSync(join(site, 'plain.html'), '<script src="mobinet.min.js"></script><script src="plain.js"></script>');
    writeFileSync(
      join(site, 'plain.js'),
      `answer = mobinet.loadClassifier('model.mobinet.safetensors').then(({ classify }) => (${classifyAll})(classify));`,
    );
    // Its content security policy allows scripts of the page itself and WebAssembly, and no other code.
    server = serveSite(site).listen(0, '127.0.0.1');
    await once(server, 'listening');
    page = await newPage();
  });

  afterAll(() => server?.close());

  test.each(['module', 'plain'])(
    'with a %s script classifies files and elements as the command line does',
    async (kind) => {
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${kind}.html`);
      const answer = (await page.evaluate('globalThis.answer')) as [string, Prediction[], Prediction[]][];
      for (const [name, ofFile, ofElement] of answer) {
        expect(ofFile).toEqual(expected[name]);
        expect(ofElement).toEqual(expected[name]);
      }
      expect(answer).toHaveLength(images.length);
    },
  );

  test('that contains a script and is opened as a file classifies as Node does', async () => {
    const file = join(folder, 'inline.html');
    const pixels = `{ width: 1, height: 1, data: Uint8Array.of(200, 100, 50, 255) }`;
    const inline = `${readFileSync(script, 'utf8')}\nglobalThis.answer = classify(${pixels});`;
    writeFileSync(file, `<!doctype html><meta charset="utf-8"><script type="module">${inline}</script>`);
    await page.goto(pathToFileURL(file).href);
    const { classify } = (await import(pathToFileURL(script).href)) as Classifier;
    const one = { width: 1, height: 1, data: Uint8Array.of(200, 100, 50, 255) };
    expect(await page.evaluate('globalThis.answer')).toEqual(await classify(one));
  });
});
