/**
 * Takes the pictures of the README with Chromium: of the demo, and of the report of a run on the embedded images.
 *
 *     npm run pictures
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { serveSite } from 'mobinet/cli';
import { chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { root } from './lib/flags.js';

/** Both pictures have this size in CSS pixels, and twice as many real ones, so that text stays sharp. */
const viewport = { width: 1000, height: 1000 };

const folder = join(root, 'docs/pictures');
mkdirSync(folder, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.MOBINET_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox'],
});
try {
  await pictureOfDemo();
  await pictureOfReport();
} finally {
  await browser.close();
}

async function pictureOfDemo(): Promise<void> {
  const server = serveSite(join(root, 'packages/mobinet/demo')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const page = await open(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  // The page has counted the bits of the first output.
  await page.locator('#count', { hasText: /\d/ }).waitFor();
  await save(page, 'demo');
  server.close();
}

async function pictureOfReport(): Promise<void> {
  const run = mkdtempSync(join(tmpdir(), 'mobinet-pictures-'));
  execFileSync(process.execPath, [join(root, 'examples/train-imagenet.js'), '--out', run, '--device', 'cpu'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const page = await open(pathToFileURL(join(run, 'report.html')).href);
  // The part that differs most from other reports: the confusion matrix, and the most confidently wrong images.
  await page.getByRole('heading', { name: 'Validation images' }).evaluate((heading) => heading.scrollIntoView());
  await save(page, 'report');
  rmSync(run, { recursive: true });
}

async function open(url: string): Promise<Page> {
  const page = await browser.newPage({ viewport, deviceScaleFactor: 2, colorScheme: 'light' });
  await page.goto(url);
  return page;
}

async function save(page: Page, name: string): Promise<void> {
  const file = join(folder, `${name}.webp`);
  const { size } = await sharp(await page.screenshot())
    .webp({ quality: 60, effort: 6 })
    .toFile(file);
  console.log(`docs/pictures/${name}.webp, ${size.toLocaleString('en-US')} bytes`);
  await page.close();
}
