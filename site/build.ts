/**
 * Builds the site into `site/dist`, whole or not at all: whatever goes wrong, even a link that leads nowhere, the folder
 * stays as it is.
 *
 *     npm run docs:build
 *
 * SITE_BASE=/mobinet/ names the folder of its server that it will be in.
 */
import { rename, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'vitepress';
import { parseFlags, stop } from '../scripts/lib/flags.js';
import { deadLinks } from './lib/dead-links.js';
import { base } from './lib/documents.js';

parseFlags({});
const folder = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const unfinished = folder('.unfinished');
try {
  await import('./generate.js');
  await build(folder('.'), { outDir: unfinished });
  const dead = deadLinks(unfinished, base);
  if (dead.length > 0) throw new Error(dead.join('\n'));
  await rm(folder('dist'), { recursive: true, force: true });
  await rename(unfinished, folder('dist'));
} catch (error) {
  stop(`the site is not built, and site/dist is as it was: ${(error as Error).message}`);
}
