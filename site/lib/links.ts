import { existsSync, statSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import type { MarkdownRenderer } from 'vitepress';
import { isPage, pageOf, root, sourcePageOf } from './documents.js';

/**
 * Where a link of a document leads on the site. Documents link to each other and to source code by relative paths, as on
 * GitHub.
 *
 * @param from The document that contains the link.
 * @returns null for what is no page: a folder without a text, or a file of another package. A link that leads to no file
 * stays as it is.
 */
export function linkOnSite(href: string, from: string): string | null {
  if (href.includes('/node_modules/')) return null;
  if (/^([a-z]+:|[#/])/.test(href)) return href;
  const [path, anchor = ''] = href.split(/(?=#)/);
  const file = posix.join(posix.dirname(from), decodeURI(path));
  if (!existsSync(join(root, file))) return href;
  if (!statSync(join(root, file)).isDirectory()) return `/${isPage(file) ? pageOf(file) : sourcePageOf(file)}${anchor}`;
  return existsSync(join(root, file, 'README.md')) ? `/${pageOf(posix.join(file, 'README.md'))}${anchor}` : null;
}

/** The document that is being rendered, or '' if it is only a heading. */
export const fileOf = ({ realPath, path = root }: { realPath?: string; path?: string }): string =>
  relative(root, realPath ?? path).replaceAll('\\', '/');

/** Makes the links of documents lead to pages of the site. */
export function links(md: MarkdownRenderer): void {
  md.core.ruler.push('links', ({ tokens, env }) => {
    for (const { children } of tokens) {
      let isText = false;
      for (const token of children ?? []) {
        if (token.type === 'link_open') {
          const href = linkOnSite(token.attrGet('href') ?? '', fileOf(env));
          isText = href === null;
          token.attrs = isText ? null : [['href', href as string]];
        }
        if (isText && token.type.startsWith('link_')) token.tag = 'span';
      }
    }
  });
}
