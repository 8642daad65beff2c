import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveSite } from 'mobinet/cli';
import { build, preview } from 'vite';

/** The demo, built and served by two servers. */
export interface DemoSite {
  /** The address of the page with cross-origin isolation. */
  readonly isolated: string;
  /** The address of the page without it. */
  readonly plain: string;
  /** The paths that have been requested from either server. */
  readonly requests: string[];
  close(): void;
}

/** Builds the page in the folder `root`, and serves it. */
export async function buildAndServe(root: string): Promise<DemoSite> {
  const site = mkdtempSync(join(tmpdir(), 'mobinet-demo-'));
  await build({ root, logLevel: 'silent', build: { outDir: site } });
  // This server does not send the headers for cross-origin isolation.
  const own = { root, build: { outDir: site }, preview: { host: '127.0.0.1', port: 0 } };
  const { httpServer } = await preview({ ...own, configFile: false, appType: 'mpa' });
  const servers = [serveSite(site).listen(0, '127.0.0.1'), httpServer as Server];
  const requests: string[] = [];
  for (const server of servers) server.on('request', ({ url }) => requests.push(url ?? ''));
  const [isolated, plain] = await Promise.all(servers.map(addressOf));
  return {
    isolated,
    plain,
    requests,
    close() {
      for (const server of servers) server.close();
      rmSync(site, { recursive: true });
    },
  };
}

async function addressOf(server: Server): Promise<string> {
  if (!server.listening) await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
