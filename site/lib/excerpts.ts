import { posix } from 'node:path';
import type { MarkdownRenderer } from 'vitepress';
import { base, chapterOf, textOf } from './documents.js';
import { fileOf, linkOnSite } from './links.js';
import { runsInBrowsers } from './programs.js';

/** Names the file of an excerpt above it, with a link to all of it: a block of code that begins with ```ts chapter.ts. */
export function excerpts(md: MarkdownRenderer): void {
  const fence = md.renderer.rules.fence!;
  md.renderer.rules.fence = (tokens, index, options, env, self) => {
    const code = fence(tokens, index, options, env, self);
    const file = /^\w+ ([\w./-]+\.\w+)$/.exec(tokens[index].info)?.[1];
    if (!file) return code;
    const page = linkOnSite(file, fileOf(env))!.replace(/\.md$/, '.html');
    const name = posix.normalize(posix.join(posix.dirname(fileOf(env)), file)).replace(/^examples\/[^/]+\//, '');
    return `<div class="excerpt"><a class="file" href="${base}${page.slice(1)}"><code>${name}</code></a>${code}</div>`;
  };
}

/** Shows the whole program of a chapter before its exercises. Browsers can also run and edit it. */
export function programs(md: MarkdownRenderer): void {
  md.core.ruler.before('normalize', 'program', (state) => {
    const chapter = chapterOf(fileOf(state.env));
    if (!chapter) return;
    const number = Number(chapter.slice(0, 2));
    const lines = textOf(`examples/${chapter}/chapter.ts`).trimEnd();
    const program = `## The program

\`npm run chapter ${number}\` runs it.

<Program name="${chapter}"${runsInBrowsers(chapter) ? ' runs' : ''}>

\`\`\`\`ts
${lines}
\`\`\`\`

</Program>

`;
    const exercises = state.src.search(/^## Exercises/m);
    const at = exercises < 0 ? state.src.length : exercises;
    state.src = `${state.src.slice(0, at)}\n\n${program}${state.src.slice(at)}`;
  });
}
