import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import axe, { type AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { preview } from 'vite';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { describeInBrowsers } from '../packages/mobinet/dist/browsers.test.helper.js';
import { deadLinks } from './lib/dead-links.js';
import { chapters, textOf } from './lib/documents.js';
import { runsInBrowsers } from './lib/programs.js';

// Builds the site, which follows all its links, and opens its pages in a browser.

const folder = import.meta.dirname;
const dist = join(folder, 'dist');
/** Screenshots for people to look at; ignored by Git. */
const screenshots = join(folder, 'screenshots');
const run = promisify(execFile);

// The build takes a minute or two, and longer while the machine does other work.
beforeAll(async () => {
  await run(process.execPath, [join(folder, 'build.js')], { env: { ...process.env, SITE_BASE: '/' } });
}, 600_000);

test('docs/equations.md quotes code verbatim', () => {
  const quotes = [...textOf('docs/equations.md').matchAll(/^```ts (\S+)\n(.*?)^```$/gms)];
  for (const [, path, code] of quotes) expect(textOf(posix.join('docs', path)), path).toContain(code);
  expect(quotes.length).toBeGreaterThan(5);
});

test('each chapter has a page with its program', () => {
  for (const name of chapters()) {
    expect(readFileSync(join(dist, 'chapters', `${name}.html`), 'utf8'), name).toContain('id="the-program"');
    if (runsInBrowsers(name)) expect(existsSync(join(dist, 'programs', `${name}.js`)), name).toBe(true);
  }
});

test('the reference describes all parameters of a table, or none', () => {
  const pages = readdirSync(join(folder, 'reference'), { recursive: true, encoding: 'utf8' });
  const gaps = pages
    .filter((path) => path.endsWith('.md'))
    .flatMap((path) => {
      const text = readFileSync(join(folder, 'reference', path), 'utf8');
      const tables = text.match(/^\| Parameter \|.*\n(\|.*\n)+/gm) ?? [];
      const rows = tables.join('').split('\n');
      return rows
        .filter((row) => row.endsWith('| - |') || row.includes('__namedParameters'))
        .map((row) => `${path} ${row}`);
    });
  expect(pages.length).toBeGreaterThan(500);
  expect(gaps).toEqual([]);
});

test('the build follows links to pages, files and headings', () => {
  const site = mkdtempSync(join(tmpdir(), 'site-'));
  mkdirSync(join(site, 'docs'));
  writeFileSync(join(site, 'picture.svg'), '');
  writeFileSync(
    join(site, 'index.html'),
    '<a id="top" href="#top"></a> <a href="docs/"></a> <a href="/base/docs/a.html#x"></a> <img src="picture.svg">' +
      '<a href="https://example.org/nothing"></a> <a href="mailto:nobody@example.org"></a>',
  );
  writeFileSync(join(site, 'docs/index.html'), '<a href="../?a=1&amp;b=2#top"></a> <a href="a.html#%C3%A4"></a>');
  writeFileSync(join(site, 'docs/a.html'), '<h2 id="x"></h2> <h2 id="ä"></h2>');
  expect(deadLinks(site, '/base/')).toEqual([]);
  writeFileSync(
    join(site, 'docs/a.html'),
    '<h2 id="y"></h2> <h2 id="ä"></h2> <a href="b.html"></a> <a href="/docs/a.html"></a> <img src="picture.svg"></a>',
  );
  expect(deadLinks(site, '/base/').sort()).toEqual([
    'docs/a.html links to /docs/a.html, which does not exist',
    'docs/a.html links to b.html, which does not exist',
    'docs/a.html links to picture.svg, which does not exist',
    'index.html links to /base/docs/a.html#x, which does not exist',
  ]);
  rmSync(site, { recursive: true });
});

test('the build refuses unknown flags in one line', async () => {
  const failure = run(process.execPath, [join(folder, 'build.js'), '--drafts']);
  await expect(failure).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^[^\n]*--drafts[^\n]*\n$/),
  });
});

test('the types of the components are right', async () => {
  const checker = createRequire(import.meta.url).resolve('vue-tsc/bin/vue-tsc.js');
  const { stdout } = await run(process.execPath, [checker, '-p', join(folder, 'vue.tsconfig.json')]).catch(
    (error) => error,
  );
  expect(stdout).toBe('');
});

/** A page of each kind, and how its screenshot is called. */
const kinds = [
  ['home', '/'],
  ['chapter', `/chapters/${chapters()[0]}.html`],
  ['document', '/docs/equations.html'],
  ['benchmarks', '/benchmarks/'],
  ['reference', '/reference/tensor/functions/conv2d.html'],
  ['source', '/source/packages/bnn/src/scaling.ts.html'],
] as const;

/** JavaScript that a chapter may load, gzipped. */
const budget = 200_000;

describeInBrowsers(
  'the site',
  ({ newPage }) => {
    let address: string;
    let server: Server;
    let page: Page;
    /** What went wrong in the page: errors, warnings of the console, and files that are missing. */
    const troubles: string[] = [];
    /** The gzipped size of each script that the page has run. */
    const scripts = new Map<string, Promise<number>>();

    beforeAll(async () => {
      const site = await preview({
        root: folder,
        configFile: false,
        appType: 'mpa',
        build: { outDir: dist },
        preview: { host: '127.0.0.1', port: 0 },
      });
      server = site.httpServer as Server;
      address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      page = await newPage();
      // What a page loads is counted for each page.
      const session = await page.context().newCDPSession(page);
      await session.send('Network.enable');
      await session.send('Network.setCacheDisabled', { cacheDisabled: true });
      page.on('pageerror', (error) => troubles.push(String(error)));
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) troubles.push(message.text());
      });
      page.on('response', (response) => {
        const url = response.url();
        if (response.status() >= 400) troubles.push(`${response.status()}: ${url}`);
        else if (response.request().resourceType() === 'script') {
          // Pages that links lead to are prefetched, but these are no scripts of this page.
          // A page that is left has no bodies any more.
          scripts.set(
            url,
            response.body().then(
              (body) => gzipSync(body).length,
              () => 0,
            ),
          );
        }
      });
    });
    afterAll(async () => {
      await page?.close();
      server?.close();
    });
    afterEach(() => expect(troubles.splice(0)).toEqual([]));

    async function open(path: string, width = 1280): Promise<void> {
      await page.setViewportSize({ width, height: 900 });
      await page.goto(address + path, { waitUntil: 'networkidle' });
    }

    async function violations(): Promise<string[]> {
      await page.evaluate(axe.source);
      // It would take twice as long to describe all elements that are right.
      const { violations } = await page.evaluate<AxeResults>("axe.run({ resultTypes: ['violations'] })");
      return violations.flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary}`),
      );
    }

    describe.each(kinds)('the page “%s”', (name, path) => {
      test.each([390, 1280])('can be used by everybody, %i pixels wide, in light and dark mode', async (width) => {
        await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
        await open(path, width);
        expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), 'fits in the window').toBe(
          true,
        );
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
          await page.locator(`html${colorScheme === 'dark' ? '.dark' : ':not(.dark)'}`).waitFor();
          await page.screenshot({ path: join(screenshots, `${name}-${width}-${colorScheme}.png`), fullPage: true });
          expect(await violations()).toEqual([]);
        }
      });
    });

    test.each(chapters())('the chapter %s loads little JavaScript, and its cells work', async (name) => {
      scripts.clear();
      await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
      await open(`/chapters/${name}.html`);
      for (const cell of await page.locator('.live').all()) {
        const before = await cell.innerText();
        await operate(page, (await cell.getAttribute('data-cell'))!);
        expect(await cell.innerText()).not.toBe(before);
      }
      // Cells load what they need after the page.
      const size = (await Promise.all(scripts.values())).reduce((sum, bytes) => sum + bytes, 0);
      console.log(`${name}: ${size.toLocaleString('en-US')} bytes of JavaScript, gzipped`);
      expect(size).toBeLessThan(budget);
    });

    test.each(chapters().filter(runsInBrowsers))('the program of %s runs', async (name) => {
      await open(`/chapters/${name}.html`);
      const program = page.locator('.program');
      await program.getByRole('button', { name: 'Run it here' }).click();
      await program.locator('.output[aria-busy="false"]').waitFor();
      expect(await program.locator('.output pre').innerText()).toMatch(/\S/);
      expect(await program.getByRole('alert').allInnerTexts()).toEqual([]);
    });

    test('an edited program runs', async () => {
      await open(`/chapters/${chapters().find(runsInBrowsers)}.html`);
      const program = page.locator('.program');
      await program.getByRole('button', { name: 'Edit' }).click();
      await program
        .getByRole('textbox')
        .fill("import { tensor } from '@mobinet/tensor';\nconsole.log('sum', tensor([1, 2, 3]).sum().values[0]);");
      await program.getByRole('button', { name: 'Run the edited program' }).click();
      await program.locator('.output pre').filter({ hasText: 'sum 6' }).waitFor();
      await program.getByRole('textbox').fill('nonsense(');
      await program.getByRole('button', { name: 'Run the edited program' }).click();
      await program.getByRole('alert').filter({ hasText: 'SyntaxError' }).waitFor();
    });

    test('the search finds a function', async () => {
      await open('/');
      await page.keyboard.press('Control+k');
      await page.getByRole('searchbox').fill('bitConv2d');
      await page.getByRole('option').first().waitFor();
      await page.keyboard.press('Enter');
      await page.waitForURL(/bitConv2d/);
    });
  },
  ['Chromium'],
);

/** Uses a cell as a reader would, with the keyboard where it has a slider. */
async function operate(page: Page, name: string): Promise<void> {
  const cell = page.locator(`.live[data-cell="${name}"]`);
  const button = { tape: 'Step', spirals: 'Train', signs: /^a, sign 1/, 'output-bits': /^weight 1/ }[name];
  if (button) await cell.getByRole('button', { name: button }).first().click();
  else await cell.getByRole('slider').last().press('ArrowRight');
  if (name === 'spirals') await cell.getByText('the loss is').waitFor();
}
