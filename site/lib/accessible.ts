import type { MarkdownRenderer } from 'vitepress';

/** Makes parts of a page usable with a keyboard and with a screen reader, where VitePress does not. */
export function accessible(md: MarkdownRenderer): void {
  // Code that is only indented scrolls like code between fences.
  md.renderer.rules.code_block = (...args) => {
    args[0][args[1]].info = 'txt';
    return md.renderer.rules.fence!(...args);
  };
  // A formula that is too wide scrolls, too.
  const formula = md.renderer.rules.math_block!;
  md.renderer.rules.math_block = (...args) => `<div class="formula" tabindex="0">${formula(...args)}</div>`;
  // The corner of a table is not a heading.
  md.core.ruler.push('corners of tables', ({ tokens }) => {
    tokens.forEach((token, index) => {
      if (token.type !== 'th_open' || tokens[index + 1].content !== '') return;
      for (const part of [token, tokens[index + 2]]) part.tag = 'td';
    });
  });
}
