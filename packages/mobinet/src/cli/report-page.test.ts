import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copyImages, sharedFolder } from '../training/fixtures.test.helper.js';
import { commandLineIn, tiny } from './cli.test.helper.js';

// Opens the report of a small run in a browser that has no network.

const browserFile = '/usr/bin/chromium';
const bin = fileURLToPath(new URL('../../bin/mobinet.js', import.meta.url));
/** Screenshots for people to look at. */
const screenshots = join(tmpdir(), 'mobinet-report-screenshots');

describe.skipIf(!existsSync(browserFile))('the report in a browser', () => {
  const folder = sharedFolder();
  const { ask } = commandLineIn(folder);
  const data = join(folder, 'images');
  const url = pathToFileURL(join(folder, 'run', 'report.html')).href;
  let browser: Browser;

  beforeAll(async () => {
    copyImages(data, { classes: 10, train: 8, val: 6 });
    const flags = ['--epochs', '3', '--label-smoothing', '0.1', '--device', 'cpu', '--out', join(folder, 'run')];
    const { code, stderr } = await ask(['train', '--data', data, ...tiny, ...flags]);
    expect(code, stderr).toBe(0);
    mkdirSync(screenshots, { recursive: true });
    const args = ['--headless', '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking'];
    browser = await chromium.launch({ executablePath: browserFile, args: [...args, '--disable-component-update'] });
  }, 120_000);

  afterAll(() => browser?.close());

  /** Opens the report, and checks that it requests nothing and that no rule of its own is broken. */
  async function open(width: number, colorScheme: 'light' | 'dark'): Promise<Page> {
    const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme, offline: true });
    const page = await context.newPage();
    const [requests, errors]: [string[], string[]] = [[], []];
    page.on('request', (request) => requests.push(request.url()));
    page.on('console', (message) => errors.push(message.text()));
    page.on('pageerror', ({ message }) => errors.push(message));
    await page.goto(url, { waitUntil: 'networkidle' });
    expect(requests.filter((request) => !request.startsWith('data:'))).toEqual([url]);
    expect(errors).toEqual([]);
    return page;
  }

  test('has all parts', async () => {
    const page = await open(1280, 'light');
    const textsOf = (selector: string): Promise<string[]> => page.locator(selector).allTextContents();
    expect(await textsOf('h3')).toEqual([
      ...['Cross-entropy', 'Top-1 accuracy', 'Learning rate', 'Training speed'],
      ...['Signs flipped per epoch', 'Signs flipped, by layer', 'Sign balance, by layer'],
      ...['Scaling factors α', 'PReLU slopes', 'Confusions', 'Classes', 'Most confidently wrong'],
    ]);
    // Every drawing has a name and a description, and a table says the same.
    const drawings = await page.locator('svg').all();
    expect(drawings).toHaveLength(9);
    for (const drawing of drawings) {
      expect(await drawing.getAttribute('aria-label')).toBe(await drawing.locator('> title').textContent());
      expect((await drawing.locator('> desc').textContent())!.length).toBeGreaterThan(20);
    }
    expect(await textsOf('summary')).toEqual([
      ...['All epochs as a table', 'All layers as a table'],
      ...['Scaling factors α as a table', 'PReLU slopes as a table', 'Most frequent confusions'],
    ]);
    expect(await page.locator('.matrix tbody tr').count()).toBe(10);
    // All images of the validation are in the matrix.
    const counts = (await textsOf('.matrix tbody td')).map(Number);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(60);
    const wrong = counts.filter((_, at) => Math.floor(at / 10) !== at % 10).reduce((sum, count) => sum + count, 0);
    const widths = await page.evaluate("[...document.querySelectorAll('.gallery img')].map((it) => it.naturalWidth)");
    expect(widths).toEqual(new Array(Math.min(24, wrong)).fill(32));
    await page.context().close();
  });

  test.each([390, 1280])('fits a window of %i pixels, in light and dark', async (width) => {
    const pages = { light: await open(width, 'light'), dark: await open(width, 'dark') };
    const colors: string[] = [];
    for (const [name, page] of Object.entries(pages)) {
      await page.evaluate('for (const it of document.querySelectorAll("details")) it.open = true');
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      // Only what can be scrolled may be wider than the window.
      const tooWide = await page.evaluate(`[...document.querySelectorAll('main *')]
        .filter((it) => !it.closest('.scroll') && it.getBoundingClientRect().right > ${width})
        .map((it) => it.outerHTML.slice(0, 80))`);
      expect(tooWide).toEqual([]);
      colors.push(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
      colors.push(await page.evaluate("getComputedStyle(document.querySelector('svg text')).fill"));
      await page.screenshot({ path: join(screenshots, `${width}-${name}.png`), fullPage: true });
      await page.context().close();
    }
    expect(new Set(colors).size).toBe(4);
  });

  test('follows a training that it watches to the end, without being loaded again', async () => {
    const args = ['train', '--data', data, ...tiny, '--epochs', '2', '--device', 'cpu', '--watch', '0'];
    const child = spawn(process.execPath, [bin, ...args, '--out', join(folder, 'watched')]);
    const ended = once(child, 'close');
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    await expect.poll(() => stderr, { timeout: 60_000 }).toContain('the report is live at ');
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on('console', (message) => errors.push(message.text()));
    await page.goto(/live at (\S+)/.exec(stderr)![1]);
    await page.evaluate('isLoadedOnce = true');
    await page.locator('h2', { hasText: 'Validation images' }).waitFor({ timeout: 60_000 });
    expect(await page.locator('dd').allTextContents()).toContain('2 of 2');
    expect(await page.evaluate('isLoadedOnce')).toBe(true);
    expect((await ended)[0], stderr).toBe(0);
    // After the end, the page asks in vain.
    expect(errors.filter((text) => !text.includes('ERR_CONNECTION_REFUSED'))).toEqual([]);
    await page.close();
  });
});
