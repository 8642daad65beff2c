import { setTimeout as sleep } from 'node:timers/promises';
import { policyOf } from '../report/page.js';
import { listen } from './listen.js';
import { type SiteFile, serveFiles, siteFile } from './serve-site.js';

/** Open pages ask for news every two seconds. One that has not asked for longer than this is closed. */
const patience = 5000;

/** A page on localhost that shows the newest version of itself. */
export class LivePage {
  readonly #files = new Map<string, SiteFile>();
  readonly #server = serveFiles(this.#files, { host: 'localhost', policy: policyOf({ live: true }) });
  #askedAt = Number.NEGATIVE_INFINITY;
  #isSeen = true;

  /** Its address. */
  url = '';

  private constructor() {
    this.#server.on('request', () => {
      this.#askedAt = performance.now();
      this.#isSeen = true;
    });
  }

  /** Starts to serve. @throws Error, one line, if the port is taken. */
  static async open(port: number): Promise<LivePage> {
    const page = new LivePage();
    page.url = await listen(page.#server, { port, host: 'localhost', flag: '--watch' });
    return page;
  }

  /** Shows a new version. */
  show(html: string): void {
    this.#files.set('/', siteFile('index.html', new TextEncoder().encode(html)));
    this.#isSeen = false;
  }

  /** Waits until an open page has the last version, or until the signal aborts, and ends the server. */
  async close(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#isSeen && performance.now() - this.#askedAt < patience) await sleep(50);
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
