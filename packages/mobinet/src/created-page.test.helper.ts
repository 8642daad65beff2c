import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import type { Page } from 'playwright-core';
import { createServer, preview } from 'vite';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { describeInBrowsers, giveFile } from './browsers.test.helper.js';
import { serveSite } from './cli/serve-site.js';
import { encodeJpeg, encodePng, picture } from './data/fixtures.test.helper.js';
import type { Prediction } from './export/prediction.js';
import { install, npm, repository } from './published.test.helper.js';

const fixtures = join(repository, 'packages/mobinet/fixtures');
const model = join(repository, 'examples/web/public/model.mobinet.safetensors');
const trouser = join(repository, 'examples/data/fashion-mnist-subset/val/trouser/00487.png');
/** Screenshots for people to look at; ignored by Git. */
const screenshots = join(repository, 'packages/mobinet/templates/screenshots');

/** Pictures whose pixels are the same in Node and in browsers. */
const pictures = [
  ...['exif-1', 'exif-2', 'exif-3', 'exif-4', 'exif-5', 'exif-6', 'exif-7', 'exif-8'].map((name) => `${name}.jpg`),
  ...['420.jpg', 'progressive.jpg', 'icc.jpg', 'exif-6.png', 'interlaced.png', 'rgba.png', 'gray-alpha.png'],
  ...['palette-transparent.png', 'lossless.webp', 'lossy.webp', 'transparent.webp'],
].map((name) => join(fixtures, name));

/** How a picture is given to the page. */
type Gift = 'choose' | 'drop' | 'paste';

/**
 * Tests the page that `mobinet create` makes: created with the packages installed in `project`, installed, built, and
 * opened in browsers. Its predictions are compared with those of `mobinet predict`.
 */
export function describeCreatedPage(project: string, archives: () => readonly string[]): void {
  const site = join(project, 'what-is-it');
  const bin = join(project, 'node_modules/mobinet/bin/mobinet.js');
  const mobinet = (...args: string[]): string =>
    execFileSync(process.execPath, [bin, ...args], { cwd: project, encoding: 'utf8' });
  /** Every alpha from 0 to 255, in combination with 100 colors each. */
  const transparent = join(project, 'transparent.png');
  /** Photos of less and of more than six times the network's input. */
  const [small, large] = ['small.jpg', 'large.jpg'].map((name) => join(project, name));
  /** The predictions of `mobinet predict`. */
  const expected = new Map<string, readonly Prediction[]>();
  const servers: Server[] = [];
  let built: string;
  let isolated: string;

  async function addressOf(server: Server): Promise<string> {
    servers.push(server);
    if (!server.listening) await once(server, 'listening');
    return `http://localhost:${(server.address() as AddressInfo).port}/`;
  }

  describe('a page made with mobinet create', () => {
    beforeAll(async () => {
      mobinet('create', 'what-is-it', '--model', model, '--title', 'What is it?');
      install(site, ...archives());
      built = npm(site, 'run', 'build');
      isolated = await addressOf(serveSite(join(site, 'dist')).listen(0, 'localhost'));

      const samples = Array.from({ length: 160 * 160 }, (_, i) => [i & 255, (7 * i) & 255, 255 - (i & 255), i / 100]);
      writeFileSync(transparent, encodePng(160, 160, samples.flat(), { colorType: 6, bitDepth: 8 }));
      writeFileSync(small, encodeJpeg(picture(180, 240)));
      writeFileSync(large, encodeJpeg(picture(900, 1200)));
      const files = [...pictures, transparent, small, large, trouser];
      const { predictions } = JSON.parse(mobinet('predict', '--json', '--model', model, ...files));
      for (const { image, classes } of predictions) expected.set(image, classes);
      expect([...expected.keys()]).toEqual(files);
    }, 600_000);

    afterAll(() => {
      for (const server of servers) server.close();
    });

    test('is built without a warning, and its types are correct', () => {
      expect(built).not.toMatch(/warn|\(!\)/i);
      const compiler = createRequire(import.meta.url).resolve('typescript/package.json');
      execFileSync(process.execPath, [join(compiler, '../bin/tsc'), '-p', site]);
    });

    describeInBrowsers('works', ({ name: browser, newPage, opened }) => {
      let page: Page;
      let errors: string[] = [];
      let fileCount = 0;

      afterEach(() => expect(errors.splice(0)).toEqual([]));

      interface View {
        readonly width?: number;
        readonly dark?: boolean;
        /** A script to run before those of the page. */
        readonly before?: string;
        /** What the page says about its model. */
        readonly model?: string;
      }

      const open = (url: string, view: View = {}): Promise<void> => opened((timeout) => openOnce(url, view, timeout));

      async function openOnce(
        url: string,
        { width = 1280, dark = false, before = '', model = 'The network sees the center' }: View,
        timeout: number,
      ): Promise<void> {
        await page?.close();
        page = await newPage({ viewport: { width, height: 800 }, colorScheme: dark ? 'dark' : 'light' });
        errors = [];
        page.on('pageerror', ({ message }) => errors.push(message));
        page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
        await page.addInitScript(`${keepReplies};${before}`);
        await page.goto(url, { timeout });
        await shows('#model', model, timeout);
      }

      async function shows(selector: string, text: string | RegExp, timeout = 20_000): Promise<void> {
        await expect.poll(() => page.locator(selector).textContent(), { timeout }).toMatch(text);
      }

      /** Gives a picture to the page. @returns The prediction of its worker. */
      async function give(file: string, how: Gift = 'choose'): Promise<readonly Prediction[]> {
        // Each gift has its own name, so that an old result is not mistaken for a new one.
        const name = `${++fileCount}-${basename(file)}`;
        const bytes = readFileSync(file);
        if (how === 'choose') {
          await page.getByLabel('Choose a photo').setInputFiles({ name, mimeType: 'image/png', buffer: bytes });
        } else {
          await giveFile(page, how, { name, bytes });
        }
        await shows('#announcement', name);
        return (await page.evaluate('replies.at(-1).result.predictions')) as readonly Prediction[];
      }

      async function screenshot(name: string): Promise<void> {
        const before = errors.length;
        await page.screenshot({ path: join(screenshots, browser.toLowerCase(), `${name}.png`), fullPage: true });
        // Playwright adds a style to the page, whose security policy forbids it. Firefox reports that as an error.
        errors.length = before;
      }

      test('with the predictions of mobinet predict, to the last bit', async () => {
        await open(isolated);
        expect(await page.title()).toBe('What is it?');
        for (const [file, predictions] of expected) {
          expect.soft(await give(file), basename(file)).toEqual(predictions);
        }
        const [{ name, probability }] = await give(trouser);
        expect(await page.locator('#bars .name').first().textContent()).toBe(name);
        expect(await page.locator('#bars .percent').first().textContent()).toBe(`${(100 * probability).toFixed(1)} %`);
        expect(await page.locator('#bars li').count()).toBe(5);
        await shows('#speed', /^Classified in \d+(\.\d+)? ms$/);
      });

      test('with dropped and pasted photos, and the keyboard', async () => {
        for (const how of ['drop', 'paste'] as const) expect(await give(trouser, how)).toEqual(expected.get(trouser));
        await page.evaluate('document.activeElement.blur()');
        for (const id of ['picker', 'camera-button']) {
          await page.keyboard.press('Tab');
          expect(await page.evaluate('document.activeElement.id')).toBe(id);
        }
      });

      test('and rejects what is not an image in one line', async () => {
        const before = await page.locator('#bars').textContent();
        for (const [name, buffer] of [
          ['notes.txt', Buffer.from('not an image')],
          ['empty.png', Buffer.alloc(0)],
        ] as const) {
          await page.getByLabel('Choose a photo').setInputFiles({ name, mimeType: 'image/png', buffer });
          await shows('#problem', `${name} is not an image, or it is corrupt. Use a PNG, JPEG, GIF or WebP file.`);
          expect(await page.locator('#bars').textContent()).toBe(before);
        }
        await give(trouser);
        await shows('#problem', /^$/);
      });

      test('with the camera, until it is stopped', async () => {
        await page.getByRole('button', { name: 'Use the camera' }).click();
        await shows('#speed', /^\d+ frames per second$/);
        await page.getByRole('button', { name: 'Stop the camera' }).click();
        await shows('#announcement', /^The last picture: .+, \d+\.\d %$/);
        expect(await page.locator('#video').isVisible()).toBe(false);
        expect(await page.locator('#photo').isVisible()).toBe(true);
        await shows('#speed', /^Classified in/);
        await shows('#problem', /^$/);
      });

      test('and says why there is no camera', async () => {
        // Simulates a computer without one.
        await open(isolated, {
          before:
            "if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError'); }",
        });
        await page.getByRole('button', { name: 'Use the camera' }).click();
        await shows('#problem', 'No camera found. Choose an image instead.');
        expect(await give(trouser)).toEqual(expected.get(trouser));
      });

      test('and says that a browser is too old', async () => {
        await open(isolated, { before: 'delete globalThis.OffscreenCanvas', model: 'This browser is too old' });
      });

      test('and says that its model is missing', async () => {
        const broken = join(project, 'broken');
        if (!existsSync(broken)) {
          cpSync(join(site, 'dist'), broken, { recursive: true, filter: (path) => !path.endsWith('.safetensors') });
        }
        const url = await addressOf(serveSite(broken).listen(0, 'localhost'));
        await open(url, { model: 'The network cannot be loaded.' });
        await shows('#problem', /model\.mobinet-.*\.safetensors.*404/);
        // Browsers log the failed request.
        errors.length = 0;
      });

      test('on one thread without cross-origin isolation, with the same predictions', async () => {
        const own = { root: site, configFile: false as const, preview: { host: 'localhost', port: 0 } };
        await open(await addressOf((await preview(own)).httpServer as Server));
        expect(await page.evaluate('crossOriginIsolated')).toBe(false);
        expect(await give(trouser)).toEqual(expected.get(trouser));
      });

      // Unbundled, the page loads hundreds of files, so one browser must be enough.
      test.runIf(browser === 'Chromium')('while it is developed, too', async () => {
        const server = await createServer({ root: site, logLevel: 'silent', server: { host: 'localhost', port: 0 } });
        try {
          await server.listen();
          await open(`http://localhost:${(server.httpServer!.address() as AddressInfo).port}/`);
          expect(await page.evaluate('crossOriginIsolated')).toBe(true);
          expect(await give(trouser)).toEqual(expected.get(trouser));
        } finally {
          await page.close();
          await server.close();
        }
      });

      test.each([
        ['desktop-light', { width: 1280 }],
        ['desktop-dark', { width: 1280, dark: true }],
        ['phone-light', { width: 390 }],
        ['phone-dark', { width: 320, dark: true }],
      ])('in any size and color scheme, without scrolling sideways: %s', async (name, view) => {
        await open(isolated, view);
        await screenshot(`${name}-empty`);
        await give(large);
        await screenshot(name);
        // Firefox's scroll bar takes space.
        expect(await page.evaluate(`document.documentElement.scrollWidth - document.documentElement.clientWidth`)).toBe(
          0,
        );
      });
    });
  });
}

/** Keeps what the page's worker replies, since the page shows rounded probabilities. */
const keepReplies = `
  globalThis.replies = [];
  globalThis.Worker = class extends Worker {
    constructor(...args) {
      super(...args);
      this.addEventListener('message', ({ data }) => replies.push(data));
    }
  };`;
