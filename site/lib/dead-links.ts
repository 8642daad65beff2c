import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Follows the links of a built site to its own pages, files and headings.
 *
 * @param folder The folder of the site.
 * @param base Where it will be on its server: `/`, or a folder such as `/mobinet/`.
 * @returns A line for each link that leads nowhere, with its page.
 */
export function deadLinks(folder: string, base: string): string[] {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.html'));
  const pages = new Map(paths.map((path) => [path.replaceAll('\\', '/'), readPage(join(folder, path))]));
  const leadsNowhere = (page: string, address: string): boolean => {
    const { origin, pathname, hash } = new URL(address, `${server}${base}${page}`);
    if (origin !== server) return false;
    const path = decodeURIComponent(pathname);
    if (!path.startsWith(base)) return true;
    const file = path.slice(base.length).replace(/(^|\/)$/, '$1index.html');
    if (!existsSync(join(folder, file))) return true;
    return hash.length > 1 && !pages.get(file)?.ids.has(decodeURIComponent(hash.slice(1)));
  };
  return Array.from(pages, ([page, { links }]) =>
    Array.from(links)
      .filter((address) => leadsNowhere(page, address))
      .map((address) => `${page} links to ${address}, which does not exist`),
  ).flat();
}

const server = 'http://localhost';

function readPage(file: string): { ids: Set<string>; links: Set<string> } {
  const html = readFileSync(file, 'utf8');
  const all = (pattern: RegExp): Set<string> =>
    new Set(Array.from(html.matchAll(pattern), ([, text]) => text.replaceAll('&amp;', '&')));
  return { ids: all(/ id="([^"]+)"/g), links: all(/ (?:href|src)="([^"]+)"/g) };
}
