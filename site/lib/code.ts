import dark from '@shikijs/themes/github-dark-high-contrast';
import light from '@shikijs/themes/github-light-high-contrast';
import type { ThemeRegistration } from 'shiki';
import type { MarkdownRenderer } from 'vitepress';

const both = (name: string, inLight = '', inDark = ''): Record<string, string> =>
  inLight === '' ? {} : { [name]: `light-dark(${inLight},${inDark})` };

/**
 * GitHub's colors of code for light and for dark mode, as one theme. The two color the same parts of the code, so each of
 * these colors is a pair. With two themes, Shiki would parse all code twice.
 */
export const codeTheme: ThemeRegistration = {
  ...light,
  colors: both('editor.foreground', light.colors?.['editor.foreground'], dark.colors?.['editor.foreground']),
  tokenColors:
    light.tokenColors?.map(({ scope = [], settings: { fontStyle, foreground } }, rule) => {
      const other = dark.tokenColors?.[rule];
      if (`${other?.scope}` !== `${scope}`) throw new Error(`The themes of code differ in ${scope}.`);
      return {
        scope,
        settings: { ...(fontStyle && { fontStyle }), ...both('foreground', foreground, other?.settings.foreground) },
      };
    }) ?? [],
};

/**
 * Highlights each block of code once. VitePress renders every page for the browser and again for its own use, and keeps
 * only the last 1024 pages, which are fewer than there are.
 */
export function highlightOnce(md: MarkdownRenderer): void {
  const highlight = md.options.highlight!;
  const known = new Map<string, string>();
  md.options.highlight = (code, language, attributes) => {
    const key = JSON.stringify([code, language, attributes]);
    const html = known.get(key) ?? highlight(code, language, attributes);
    known.set(key, html);
    return html;
  };
}
