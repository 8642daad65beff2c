import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { loadPacked, type PackedModel } from 'mobinet';
import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { describeInBrowsers, giveFile } from '../packages/mobinet/dist/browsers.test.helper.js';
import {
  classifyInNode,
  countInNode,
  fixtures,
  type NodeResult,
  onesOf,
  otherInFirefox,
  pictures,
  type Segment,
  segmentsOf,
} from './web-in-node.test.helper.js';
import { buildAndServe, type DemoSite } from './web-site.test.helper.js';

// Builds and serves the demo, and opens it in browsers. What the page shows is compared with Node's results.

const root = join(import.meta.dirname, 'web');
const modelFile = join(root, 'public/model.mobinet.safetensors');
const trouser = join(import.meta.dirname, 'data/fashion-mnist-subset/val/trouser/00487.png');
const bag = join(import.meta.dirname, 'data/fashion-mnist-subset/val/bag/00700.png');
/** Screenshots for people to look at; ignored by Git. */
const screenshots = join(root, 'screenshots');

let site: DemoSite;
let model: PackedModel;
let segments: readonly Segment[];
/** Node's results for each picture. */
let results: Map<string, NodeResult>;

beforeAll(async () => {
  model = await loadPacked(modelFile);
  segments = segmentsOf(model);
  results = await classifyInNode(model, [trouser, bag, ...pictures.map(([, name]) => join(fixtures, name))]);
  site = await buildAndServe(root);
});

afterAll(() => {
  site?.close();
  model?.dispose();
});

interface OpenOptions {
  /** The width of the window in pixels. Default: 1280. */
  readonly width?: number;
  /** Script to run before the page. */
  readonly before?: string;
  /** Script to run before the page's worker. */
  readonly inWorker?: string;
}

describeInBrowsers('the demo', ({ name: browserName, newPage, opened }) => {
  let page: Page;
  /** Counts the files given to pages. Each gets its own name, so that an old result is not mistaken for a new one. */
  let fileCount = 0;
  /** Error messages of the page. */
  let pageErrors: string[] = [];

  afterEach(() => {
    expect(pageErrors.splice(0)).toEqual([]);
  });

  async function screenshot(name: string, fullPage = true): Promise<void> {
    const before = pageErrors.length;
    await page.screenshot({ path: join(screenshots, browserName.toLowerCase(), `${name}.png`), fullPage });
    // Playwright adds a style to the page, whose security policy forbids it. Firefox reports that as an error.
    pageErrors.length = before;
  }

  /** Opens the page and waits for its result for the first sample. */
  const open = (url: string, options: OpenOptions = {}): Promise<void> =>
    opened((timeout) => openOnce(url, options, timeout));

  async function openOnce(
    url: string,
    { width = 1280, before = '', inWorker = '' }: OpenOptions,
    timeout: number,
  ): Promise<void> {
    await page?.close();
    page = await newPage({ viewport: { width, height: 800 }, colorScheme: width < 500 ? 'dark' : 'light' });
    pageErrors = [];
    site.requests.length = 0;
    page.on('pageerror', ({ message }) => pageErrors.push(message));
    page.on('console', (message) => message.type() === 'error' && pageErrors.push(message.text()));
    if (before) await page.addInitScript(before);
    if (inWorker) {
      await page.route(/\/worker-[^/]*\.js$/, async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: `${inWorker};${await response.text()}` });
      });
    }
    await page.goto(url, { timeout });
    await page.locator('#count', { hasText: /\d/ }).waitFor({ timeout });
  }

  const text = (selector: string): Promise<string> => page.locator(selector).first().innerText();

  async function shows(selector: string, expected: string | RegExp, timeout = 120_000): Promise<void> {
    const content = () => page.locator(selector).first().textContent();
    await expect.poll(content, { timeout }).toMatch(expected);
  }

  const newName = (file: string): string => `${++fileCount}-${basename(file)}`;

  /** Drops a picture on the page or pastes it. The page's result must be Node's. */
  async function give(how: 'drop' | 'paste', file: string): Promise<void> {
    const name = newName(file);
    await giveFile(page, how, { name, bytes: readFileSync(file) });
    await expectNodesPrediction(file, name);
  }

  const pick = (name: string, bytes: Buffer, picker = '#picker'): Promise<void> =>
    page.locator(picker).setInputFiles({ name, mimeType: 'application/octet-stream', buffer: bytes });

  async function expectNodesPrediction(file: string, name: string): Promise<void> {
    const { probabilities } = results.get(file)!;
    const best = probabilities.indexOf(Math.max(...probabilities));
    await shows('#announcement', name);
    expect(await text('#bars .name')).toBe(model.info.classes![best]);
    const difference = Number.parseFloat(await text('#bars .percent')) - 100 * probabilities[best];
    const isExact = browserName !== 'Firefox' || !otherInFirefox.includes(basename(file));
    expect(Math.abs(difference)).toBeLessThan(isExact ? 0.5 : 2);
  }

  /** Types a number into a field. Playwright's `fill` appends to it in Firefox. */
  async function enter(label: string, value: number): Promise<Locator> {
    const field = page.getByLabel(label, { exact: true });
    await field.press('ControlOrMeta+a');
    await field.pressSequentially(String(value));
    return field;
  }

  /** Drops an image, and compares what the page shows for three layers with Node's results. */
  async function expectNodesSigns(): Promise<void> {
    await give('drop', trouser);
    const { layers } = results.get(trouser)!;
    const last = segments.length - 1;
    const pooled = segments.findIndex(({ pool }) => pool);
    // A window that overlaps the padding, one before a pool, and a long row of channels.
    for (const [index, row, column] of [
      [0, 0, 0],
      [pooled, 3, 2],
      [last, 0, 0],
    ]) {
      const segment = segments[index];
      const channel = segment.outChannels - 1;
      await page.getByRole('button', { name: segment.name, exact: true }).click();
      await shows('#maps-text', `${segment.name}:`);
      for (const [label, value] of Object.entries({ Row: row, Column: column, Channel: channel }))
        await enter(label, value);
      // Layer 0 is the stem, so the input of segment i is the output of layer i.
      const { count, signs, bit } = countInNode(segment, layers[index], layers[index + 1], [row, column, channel]);
      await shows(
        '#count',
        new RegExp(`^${signs} signs − 2 × ${(signs - count) / 2} .* = ${count < 0 ? '−' : ''}${Math.abs(count)}$`),
      );
      await shows('#explanation', `bit ${bit}`);
      const ones = onesOf(layers[index + 1], channel);
      await shows('#map-caption', new RegExp(`^Channel ${channel}: ${ones} of ${segment.outSize ** 2} signs`));
      expect(await page.locator('#tiles input').count()).toBe(segment.outChannels);
      expect(await page.locator('#tiles input:checked').inputValue()).toBe(String(channel));
      // The popcounts of the pieces add up to the total.
      const pieces = await page.locator('.bits strong').allInnerTexts();
      expect(pieces.reduce((sum, piece) => sum + Number(piece), 0)).toBe((signs - count) / 2);
    }
  }

  describe('in one page', () => {
    beforeAll(() => open(site.isolated));

    test('a dropped image and a pasted one are classified as in Node', async () => {
      expect(await text('#threads')).toBe(String(await page.evaluate('navigator.hardwareConcurrency')));
      expect(site.requests).toContainEqual(expect.stringContaining('helper'));
      expect(await page.locator('#notes').isVisible()).toBe(false);
      await give('drop', trouser);
      expect(await page.locator('#bars li').count()).toBe(5);
      expect(await text('#latency')).toMatch(/^\d+(\.\d+)? (ms|µs)$/);
      expect(await text('#file-size')).toBe(`${(readFileSync(modelFile).length / 1e3).toFixed(0)} kB`);
      await screenshot('wide');

      await give('paste', bag);
    });

    test.each(pictures)('%s is classified as in Node', async (_, name) => {
      await give('drop', join(fixtures, name));
    });

    test('sign maps and counts are the same as in Node', async () => {
      await expectNodesSigns();
    });

    test('the keyboard does what the mouse does', async () => {
      await page.getByRole('button', { name: segments[1].name, exact: true }).press('Enter');
      await shows('#maps-text', `${segments[1].name}:`);
      await page.getByRole('radio', { name: 'channel 0', exact: true }).press('ArrowRight');
      await shows('#map-caption', /^Channel 1:/);
      const row = await enter('Row', 2);
      await row.press('ArrowDown');
      expect(await row.inputValue()).toBe('1');
      const places = () => page.locator('#taps [role=group]').first().getAttribute('aria-label');
      await expect.poll(places).toMatch(/^row 1,/);
      await page.getByRole('button', { name: 'Sample: bag' }).press('Enter');
      await shows('#announcement', 'bag.png');
    });

    test('a file that is not an image is rejected with a one-line message, and the page keeps working', async () => {
      const before = await text('#bars .name');
      for (const [name, bytes] of [
        ['notes.txt', Buffer.from('not an image')],
        ['empty.png', Buffer.alloc(0)],
        // Firefox shows as much of a truncated image as there is.
        ...(browserName === 'Firefox' ? [] : [['cut.png', readFileSync(trouser).subarray(0, 60)] as const]),
      ] as const) {
        await pick(name, bytes);
        await shows('#problem', new RegExp(`^${name} is not an image, or it is corrupt\\. [^\\n]*$`));
        expect(await text('#bars .name')).toBe(before);
      }
      const name = newName(trouser);
      await pick(name, readFileSync(trouser));
      await expectNodesPrediction(trouser, name);
      expect(await page.locator('#problem').textContent()).toBe('');
    });

    test('a truncated or foreign model is rejected with a one-line message, and the current one stays', async () => {
      const bytes = readFileSync(modelFile);
      await pick('cut.safetensors', bytes.subarray(0, bytes.length - 1000), '#model-picker');
      await shows('#problem', /^cut\.safetensors: [^\n]+$/);
      await pick('foreign.safetensors', Buffer.from('\x02\0\0\0\0\0\0\0{}', 'latin1'), '#model-picker');
      await shows('#problem', /^foreign\.safetensors: not a packed model[^\n]*$/);
      await give('drop', trouser);
      await pick('again.safetensors', bytes, '#model-picker');
      await shows('#model-line', /^again\.safetensors/);
    });

    test('the camera is classified continuously, and a picture can be taken', async () => {
      await page.getByRole('button', { name: 'Use the camera' }).click();
      await page.getByRole('button', { name: 'Take the picture' }).click();
      await shows('#announcement', 'the picture');
      expect(await page.locator('#camera').isVisible()).toBe(false);
      expect(await page.locator('#problem').textContent()).toBe('');
    });

    test('the GPU gives the same results, and so does the CPU after switching back', async ({ skip }) => {
      const hasGpu = await page.evaluate('navigator.gpu.requestAdapter().then((adapter) => adapter !== null)');
      skip(!hasGpu, 'the browser finds no GPU');
      await page.getByLabel('the GPU').check();
      await shows('#model-line', /layers, on the GPU: .*, a software adapter$/, 240_000);
      await shows('#latency-hint', /no layer times/);
      expect(await text('#layers .time')).toBe('–');
      await expectNodesSigns();
      await screenshot('gpu');
      await page.getByLabel('the CPU').check();
      await shows('#model-line', /layers, on (\d+ threads|one thread)$/);
      await shows('#latency-hint', /layer times are averaged in the same way/);
      await give('drop', bag);
    }, 360_000);
  });

  test('without a GPU, a one-line message says so and the CPU stays in use', async () => {
    // A browser that supports WebGPU but finds no GPU.
    await open(site.isolated, { inWorker: 'navigator.gpu.requestAdapter = async () => null' });
    await page.getByLabel('the GPU').click();
    await shows('#problem', /^WebGPU is not available: WebGPU finds no GPU/);
    expect(await page.getByLabel('the CPU').isChecked()).toBe(true);
    await shows('#model-line', /layers, on (\d+ threads|one thread)$/);
    await give('drop', trouser);
  });

  test('without WebGPU, the GPU cannot be chosen, and the page says so', async () => {
    await open(site.isolated, { before: 'delete Navigator.prototype.gpu' });
    expect(await page.getByLabel('the GPU').isDisabled()).toBe(true);
    expect(await text('#device-hint')).toBe('This browser has no WebGPU.');
  });

  test('on a phone, the page does not scroll horizontally', async () => {
    await open(site.isolated, { width: 360 });
    await screenshot('phone');
    const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
    for (const { name } of [segments[0], segments[segments.length - 1]]) {
      await page.getByRole('button', { name, exact: true }).click();
      await shows('#maps-text', `${name}:`);
      expect(await page.evaluate(overflow)).toBe(0);
    }
    await screenshot('phone-long-row');
  });

  test('without cross-origin isolation, the network runs on one thread, and the page says so', async () => {
    await open(site.plain);
    expect(await page.evaluate('crossOriginIsolated')).toBe(false);
    expect(await text('#threads')).toBe('1');
    expect(site.requests).not.toContainEqual(expect.stringContaining('helper'));
    expect(await text('#notes')).toMatch(/not cross-origin isolated.* one thread/);
    await screenshot('one-thread', false);
    await give('drop', trouser);
  });

  test('without SIMD, plain loops give the same results, and the page says so', async () => {
    await open(site.isolated, { before: 'WebAssembly.validate = () => false' });
    expect(await text('#notes')).toMatch(/no SIMD.* plain loops.* one thread/);
    expect(await text('#threads')).toBe('1');
    await give('drop', trouser);
  });
});
