import { basename, posix } from 'node:path';
import type { MarkdownRenderer } from 'vitepress';
import { textOf } from './documents.js';
import { fileOf } from './links.js';

/**
 * Puts figures that are drawn in `currentColor` into the page itself, where this is the color of its text, in light and
 * in dark mode. For screen readers, such a figure is one picture, described by the text of the image.
 */
export function figures(md: MarkdownRenderer): void {
  const image = md.renderer.rules.image!;
  md.renderer.rules.image = (tokens, index, options, env, self) => {
    const token = tokens[index];
    const source = token.attrGet('src') ?? '';
    if (/^[^:]+\.svg$/.test(source)) {
      const svg = textOf(posix.join(posix.dirname(fileOf(env)), source));
      const alt = md.utils.escapeHtml(token.content);
      if (svg.includes('currentColor')) {
        return `<span class="figure" role="img" aria-label="${alt}" tabindex="0" v-pre>${inPage(svg, basename(source, '.svg'))}</span>`;
      }
    }
    return image(tokens, index, options, env, self);
  };
}

/** Without the style that a file of its own needs and descriptions of parts, and with ids of its own in the page. */
const inPage = (svg: string, name: string): string =>
  svg
    .trim()
    .replace(/<style>.*?<\/style>/gs, '')
    .replace(/ (?:role|aria-[a-z]+)="[^"]*"/g, '')
    .replace(/\bid="([^"]+)"/g, `id="${name}-$1"`)
    .replace(/url\(#([^)]+)\)/g, `url(#${name}-$1)`);
