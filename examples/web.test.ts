import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type BitTensor, bitConv2d, bitTensor, dispose, Rng, softmax, type Tensor, tidy } from '@mobinet/tensor';
import { trace } from '@mobinet/tensor/kernels';
import { ImageLoader, loadPacked, mobinet, type PackedModel, planNetwork, type SegmentPlan } from 'mobinet';
import { serveSite } from 'mobinet/cli';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build, preview } from 'vite';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

// Builds and serves the demo, and opens it in a browser. What the page shows is compared with Node's results.

const browserFile = '/usr/bin/chromium';
const lacksBrowser = !existsSync(browserFile);
if (lacksBrowser)
  console.warn(
    `The browser demo is not tested, because ${browserFile} is missing. Install it: apt-get install chromium`,
  );

const root = join(import.meta.dirname, 'web');
const modelFile = join(root, 'public/model.mobinet.safetensors');
const trouser = join(import.meta.dirname, 'data/fashion-mnist-subset/val/trouser/00487.png');
const bag = join(import.meta.dirname, 'data/fashion-mnist-subset/val/bag/00700.png');
/** Pictures in many formats. */
const fixtures = join(import.meta.dirname, '../packages/mobinet/fixtures');
const pictures = [
  ['a photo with an EXIF rotation', 'exif-6.jpg'],
  ['a photo with an EXIF rotation and reflection', 'exif-7.jpg'],
  ['a photo with a color profile', 'icc.jpg'],
  ['a JPEG stored as RGB', 'rgb-names.jpg'],
  ['a PNG with an alpha channel', 'rgba.png'],
  ['a PNG with a transparent color', 'rgb-key.png'],
  ['a GIF whose frame is smaller than the image', 'offset.gif'],
  ['a PNG with 16 bits per channel', 'rgb-16.png'],
  ['a transparent WebP', 'transparent.webp'],
] as const;
/** Screenshots for people to look at; ignored by Git. */
const screenshots = join(root, 'screenshots');

describe.skipIf(lacksBrowser)('the demo in a browser', () => {
  const servers: Server[] = [];
  let site: string;
  let isolated: string;
  let plain: string;
  let browser: Browser;
  let model: PackedModel;
  let segments: readonly Segment[];
  /** Node's results for each picture. */
  let results: Map<string, NodeResult>;
  let page: Page;
  /** Counts the files given to pages. Each gets its own name, so that an old result is not mistaken for a new one. */
  let fileCount = 0;
  /** Error messages of the page. */
  let pageErrors: string[] = [];
  /** The paths that the page requested from the server. */
  let requests: string[] = [];

  beforeAll(async () => {
    model = await loadPacked(modelFile);
    segments = segmentsOf(model);
    results = await classifyInNode(model, [trouser, bag, ...pictures.map(([, name]) => join(fixtures, name))]);
    site = mkdtempSync(join(tmpdir(), 'mobinet-demo-'));
    await build({ root, logLevel: 'silent', build: { outDir: site } });
    isolated = await addressOf(serveSite(site).listen(0, '127.0.0.1'));
    // A server that does not send the headers for cross-origin isolation.
    const own = { root, build: { outDir: site }, preview: { host: '127.0.0.1', port: 0 } };
    plain = await addressOf((await preview({ ...own, configFile: false, appType: 'mpa' })).httpServer as Server);
    browser = await chromium.launch({
      executablePath: browserFile,
      args: [
        ...['--headless', '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking'],
        ...['--disable-component-update', '--disable-sync'],
        ...['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
        // A software adapter stands in for the GPU.
        ...['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
      ],
    });
  }, 120_000);

  afterEach(() => {
    expect(pageErrors.splice(0)).toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    for (const server of servers) server.close();
    model?.dispose();
    rmSync(site, { recursive: true });
  });

  /** The address of a server. Its requests are recorded. */
  async function addressOf(server: Server): Promise<string> {
    servers.push(server);
    server.on('request', ({ url }) => requests.push(url ?? ''));
    if (!server.listening) await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  /** Opens the page and waits for its result for the first sample. */
  async function open(url: string, { width = 1280, before = '' } = {}): Promise<void> {
    await page?.close();
    page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme: width < 500 ? 'dark' : 'light' });
    pageErrors = [];
    requests = [];
    page.on('pageerror', ({ message }) => pageErrors.push(message));
    page.on('console', (message) => message.type() === 'error' && pageErrors.push(message.text()));
    if (before) await page.addInitScript(before);
    await page.goto(url);
    await page.locator('#count', { hasText: /\d/ }).waitFor();
  }

  const text = (selector: string): Promise<string> => page.locator(selector).first().innerText();

  async function shows(selector: string, expected: string | RegExp, timeout = 20_000): Promise<void> {
    const content = () => page.locator(selector).first().textContent();
    await expect.poll(content, { timeout }).toMatch(expected);
  }

  const newName = (file: string): string => `${++fileCount}-${basename(file)}`;

  /** Drops a picture on the page or pastes it, with synthetic events. The page's result must be Node's. */
  async function give(how: 'drop' | 'paste', file: string): Promise<void> {
    const name = newName(file);
    const base64 = readFileSync(file).toString('base64');
    const event =
      how === 'drop' ? "new DragEvent('drop', { dataTransfer" : "new ClipboardEvent('paste', { clipboardData";
    await page.evaluate(`{
      const bytes = Uint8Array.from(atob('${base64}'), (letter) => letter.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], '${name}', { type: 'image/png' }));
      document.querySelector('main').dispatchEvent(${event}: transfer, bubbles: true, cancelable: true }));
    }`);
    await expectNodesPrediction(file, name);
  }

  const pick = (name: string, bytes: Buffer, picker = '#picker'): Promise<void> =>
    page.locator(picker).setInputFiles({ name, mimeType: 'application/octet-stream', buffer: bytes });

  async function expectNodesPrediction(file: string, name: string): Promise<void> {
    const { probabilities } = results.get(file)!;
    const best = probabilities.indexOf(Math.max(...probabilities));
    await shows('#announcement', name);
    expect(await text('#bars .name')).toBe(model.info.classes![best]);
    expect(Number.parseFloat(await text('#bars .percent'))).toBeCloseTo(100 * probabilities[best], 0);
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
      for (const [label, value] of Object.entries({ Row: row, Column: column, Channel: channel })) {
        await page.getByLabel(label, { exact: true }).fill(String(value));
      }
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
    beforeAll(() => open(isolated));

    test('a dropped image and a pasted one are classified as in Node', async () => {
      expect(await text('#threads')).toBe(String(await page.evaluate('navigator.hardwareConcurrency')));
      expect(requests).toContainEqual(expect.stringContaining('helper'));
      expect(await page.locator('#notes').isVisible()).toBe(false);
      await give('drop', trouser);
      expect(await page.locator('#bars li').count()).toBe(5);
      expect(await text('#latency')).toMatch(/^\d+(\.\d+)? (ms|µs)$/);
      expect(await text('#file-size')).toBe(`${(readFileSync(modelFile).length / 1e3).toFixed(0)} kB`);
      await page.screenshot({ path: join(screenshots, 'wide.png'), fullPage: true });

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
      const row = page.getByLabel('Row', { exact: true });
      await row.fill('2');
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
        ['cut.png', readFileSync(trouser).subarray(0, 60)],
        ['empty.png', Buffer.alloc(0)],
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

    test('without a GPU, a one-line message says so and the CPU stays in use', async () => {
      // Simulates, in the page's worker, a browser that supports WebGPU but finds no GPU.
      const [worker] = page.workers();
      await worker.evaluate('navigator.gpu.requestAdapter = async () => null');
      await page.getByLabel('the GPU').click();
      await shows('#problem', /^WebGPU is not available: WebGPU finds no GPU/);
      expect(await page.getByLabel('the CPU').isChecked()).toBe(true);
      await shows('#model-line', /layers, on (\d+ threads|one thread)$/);
      await give('drop', trouser);
      // Restores the method of the prototype.
      await worker.evaluate('delete navigator.gpu.requestAdapter');
    });

    test('the GPU gives the same results, and so does the CPU after switching back', async () => {
      await page.getByLabel('the GPU').check();
      await shows('#model-line', /layers, on the GPU: .*SwiftShader/i, 120_000);
      await shows('#latency-hint', /no layer times/);
      expect(await text('#layers .time')).toBe('–');
      await expectNodesSigns();
      await page.screenshot({ path: join(screenshots, 'gpu.png'), fullPage: true });
      await page.getByLabel('the CPU').check();
      await shows('#model-line', /layers, on (\d+ threads|one thread)$/);
      await shows('#latency-hint', /layer times are averaged in the same way/);
      await give('drop', bag);
    }, 180_000);
  });

  test('without WebGPU, the GPU cannot be chosen, and the page says so', async () => {
    await open(isolated, { before: 'delete Navigator.prototype.gpu' });
    expect(await page.getByLabel('the GPU').isDisabled()).toBe(true);
    expect(await text('#device-hint')).toBe('This browser has no WebGPU.');
  });

  test('on a phone, the page does not scroll horizontally', async () => {
    await open(isolated, { width: 360 });
    await page.screenshot({ path: join(screenshots, 'phone.png'), fullPage: true });
    for (const { name } of [segments[0], segments[segments.length - 1]]) {
      await page.getByRole('button', { name, exact: true }).click();
      await shows('#maps-text', `${name}:`);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    }
    await page.screenshot({ path: join(screenshots, 'phone-long-row.png'), fullPage: true });
  });

  test('without cross-origin isolation, the network runs on one thread, and the page says so', async () => {
    await open(plain);
    expect(await page.evaluate('crossOriginIsolated')).toBe(false);
    expect(await text('#threads')).toBe('1');
    expect(requests).not.toContainEqual(expect.stringContaining('helper'));
    expect(await text('#notes')).toMatch(/not cross-origin isolated.* one thread/);
    await page.screenshot({ path: join(screenshots, 'one-thread.png') });
    await give('drop', trouser);
  });

  test('without SIMD, plain loops give the same results, and the page says so', async () => {
    await open(isolated, { before: 'WebAssembly.validate = () => false' });
    expect(await text('#notes')).toMatch(/no SIMD.* plain loops.* one thread/);
    expect(await text('#threads')).toBe('1');
    await give('drop', trouser);
  });
});

/** The output signs of a layer, [height, width, channels], packed. */
interface LayerSigns {
  readonly shape: readonly number[];
  readonly words: Uint32Array;
}

interface NodeResult {
  readonly probabilities: Float32Array;
  readonly layers: readonly LayerSigns[];
}

/** Classifies image files. Returns the probabilities of the classes and the signs of all layers for each file. */
async function classifyInNode(model: PackedModel, files: readonly string[]): Promise<Map<string, NodeResult>> {
  const file = (index: number): string => files[index];
  const source = { length: files.length, label: (index: number) => index, name: file, image: file };
  const [size] = model.imageShape;
  const loader = new ImageLoader(source, { ...model.info.preprocessing, batchSize: 1, size, rng: Rng.fromSeed(0) });
  const results = new Map<string, NodeResult>();
  for await (const batch of loader.epoch(0)) {
    const layers: LayerSigns[] = [];
    const logits = model.watch(batch.images, ({ signs }) => {
      if (signs) layers.push({ shape: signs.shape, words: signs.words.slice() });
    });
    const { probabilities } = tidy(() => ({ probabilities: softmax(logits).values.slice() }));
    results.set(file(batch.labels.values[0]), { probabilities, layers });
    dispose([batch, logits]);
  }
  await loader.close();
  return results;
}

/** A binary layer of the page's model, from the plan of the network, with the signs of its filters. */
interface Segment extends Omit<SegmentPlan, 'name'> {
  readonly name: string;
  readonly signs: BitTensor;
  readonly pool: boolean;
  readonly outSize: number;
}

function segmentsOf(model: PackedModel): Segment[] {
  const { calls, constants } = trace(
    (x) => model.forward(x as Tensor),
    [{ dtype: 'f32', shape: [1, ...model.imageShape] }],
  );
  const filters = calls.flatMap((call) =>
    call.kind === 'op' && call.op.name === 'bitConv2d' ? [constants.get(call.inputs[1]) as BitTensor] : [],
  );
  const { units } = planNetwork(mobinet.resolve({ width: 0.25, imageSize: 32, classes: 10 }));
  return units
    .flatMap(({ segments, pool, outSize }, unit) =>
      segments.map((plan, index) => {
        const isLast = index === segments.length - 1;
        const name = `units.${unit}.${plan.name}`;
        return { ...plan, name, pool: isLast && pool, outSize: isLast ? outSize : plan.size };
      }),
    )
    .map((segment, index) => ({ ...segment, signs: filters[index] }));
}

/** One count of a segment, computed by the convolution; the number of signs in its sum; and the output bit. */
function countInNode(
  { kernel, inChannels, outChannels, groups, size, signs, pool }: Segment,
  input: LayerSigns,
  output: LayerSigns,
  [row, column, channel]: readonly [number, number, number],
): { count: number; signs: number; bit: number } {
  const options = { groups, padding: 'same', paddingValue: 'one' } as const;
  const counts = tidy(() => ({
    values: bitConv2d(bitTensor(input.words, input.shape), signs, options).values.slice(),
  }));
  const step = pool ? 2 : 1;
  return {
    count: counts.values[(row * size + column) * outChannels + channel],
    signs: (kernel ** 2 * inChannels) / groups,
    bit: bitOf(output, Math.floor(row / step), Math.floor(column / step), channel),
  };
}

function bitOf({ shape, words }: LayerSigns, row: number, column: number, channel: number): number {
  const [, height, width] = shape;
  const rowWords = words.length / (height * width);
  return (words[(row * width + column) * rowWords + (channel >> 5)] >>> (channel & 31)) & 1;
}

function onesOf(layer: LayerSigns, channel: number): number {
  const [, height, width] = layer.shape;
  let ones = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) ones += bitOf(layer, row, column, channel);
  }
  return ones;
}
