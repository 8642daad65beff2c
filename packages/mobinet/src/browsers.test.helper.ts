import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, firefox, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe } from 'vitest';

// The browsers that tests drive. Importing this file prints which of them are missing. The environment variables
// MOBINET_CHROMIUM and MOBINET_FIREFOX name other programs than Debian's.

interface TestBrowser {
  readonly name: 'Chromium' | 'Firefox';
  readonly file: string;
  /** Debian's package. */
  readonly debian: string;
  launch(executablePath: string): Promise<Browser>;
}

const browsers: readonly TestBrowser[] = [
  {
    name: 'Chromium',
    file: process.env.MOBINET_CHROMIUM ?? '/usr/bin/chromium',
    debian: 'chromium',
    launch: (executablePath) =>
      chromium.launch({
        executablePath,
        args: [
          ...['--headless', '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking'],
          ...['--disable-component-update', '--disable-sync'],
          ...['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
          // A software adapter stands in for the GPU.
          ...['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
        ],
      }),
  },
  {
    name: 'Firefox',
    file: process.env.MOBINET_FIREFOX ?? '/usr/bin/firefox-esr',
    debian: 'firefox-esr',
    launch: (executablePath) =>
      firefox.launch({
        executablePath,
        // Drives a released Firefox by the standard protocol, WebDriver BiDi, instead of a build of Playwright's own.
        channel: 'moz-firefox',
        firefoxUserPrefs: {
          'media.navigator.streams.fake': true,
          'media.navigator.permission.disabled': true,
          // WebGPU is off by default on Linux, and so are software adapters.
          'dom.webgpu.enabled': true,
          'gfx.webgpu.ignore-blocklist': true,
        },
      }),
  },
];

for (const { name, file, debian } of browsers) {
  if (existsSync(file)) continue;
  console.warn(`No page is tested in ${name}, because ${file} is missing. Install it: apt-get install ${debian}`);
}

/** What tests get of a running browser. */
export interface OpenBrowser {
  readonly name: TestBrowser['name'];
  /** Opens an empty page in a profile of its own. */
  newPage(options?: BrowserContextOptions): Promise<Page>;
  /**
   * Calls `open`, which opens a page and throws an error if it is not ready within `timeout` milliseconds. Firefox has
   * three attempts: of 710 pages whose worker makes a worker, 19 waited forever, in `new Worker`. Only a driver causes
   * that: without one, Firefox made 3,700 such workers.
   */
  opened(open: (timeout: number) => Promise<void>): Promise<void>;
}

/** On a busy computer, Firefox takes half a minute to open a page. */
const patience = 120_000;

/**
 * Declares the tests of `body` for Chromium and for Firefox, each with a simulated camera and with WebGPU. The browser
 * starts before the first test and is closed after the last one; if it is not installed, its tests are skipped.
 *
 * @param only The browsers to test in. Default: both.
 */
export function describeInBrowsers(
  title: string,
  body: (browser: OpenBrowser) => void,
  only: readonly TestBrowser['name'][] = ['Chromium', 'Firefox'],
): void {
  for (const { name, file, launch } of browsers) {
    if (!only.includes(name)) continue;
    describe.skipIf(!existsSync(file))(`${title} in ${name}`, () => {
      let browser: Browser;
      beforeAll(async () => {
        browser = await launch(file);
      });
      const newPage: OpenBrowser['newPage'] = async (options) => {
        const page = await browser.newPage(options);
        page.setDefaultTimeout(patience);
        return page;
      };
      const opened: OpenBrowser['opened'] = async (open) => {
        for (let attempt = 1; name === 'Firefox' && attempt < 3; attempt++) {
          const isOpen = await open(patience / 4).then(
            () => true,
            () => false,
          );
          if (isOpen) return;
        }
        await open(patience);
      };
      body({ name, newPage, opened });
      afterAll(() => browser?.close());
    });
  }
}

/** A file that is given to a page. */
export interface GivenFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Drops an image file on a page or pastes it, with a synthetic event at the element `main`. */
export async function giveFile(page: Page, how: 'drop' | 'paste', { name, bytes }: GivenFile): Promise<void> {
  const property = how === 'drop' ? 'dataTransfer' : 'clipboardData';
  await page.evaluate(`{
    const bytes = Uint8Array.from(atob('${Buffer.from(bytes).toString('base64')}'), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], '${name}', { type: 'image/png' }));
    const event = new Event('${how}', { bubbles: true, cancelable: true });
    Object.defineProperty(event, '${property}', { value: transfer });
    document.querySelector('main').dispatchEvent(event);
  }`);
}
