import { cp } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import katex from '@vscode/markdown-it-katex';
import { slug } from 'github-slugger';
import { defineConfig, type MarkdownRenderer } from 'vitepress';
import { accessible } from '../lib/accessible.js';
import { codeTheme, highlightOnce } from '../lib/code.js';
import { base, excluded, hasOutline, pageOf, root } from '../lib/documents.js';
import { excerpts, programs } from '../lib/excerpts.js';
import { figures } from '../lib/figures.js';
import { links } from '../lib/links.js';
import { sidebar } from '../lib/sidebar.js';

const folder = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export default defineConfig({
  title: 'MoBiNet',
  description: 'Binary neural networks in TypeScript, written to be read',
  lang: 'en-US',
  base,
  srcDir: root,
  srcExclude: excluded,
  rewrites: pageOf,
  outDir: folder('../dist'),
  // Otherwise, every page would contain the list of all pages.
  metaChunk: true,
  // site/build.ts follows all links of the finished site, and checks their anchors as well.
  ignoreDeadLinks: true,
  // The space of an outline is better used for code and for tables.
  transformPageData: ({ filePath, frontmatter }) => ({
    frontmatter: { ...frontmatter, ...(!hasOutline(filePath) && { aside: false }) },
  }),
  head: [['link', { rel: 'icon', href: `${base}icon.svg` }]],
  buildEnd: ({ outDir }) => cp(folder('../public'), outDir, { recursive: true }),
  vite: {
    plugins: [
      {
        // Nobody downloads the pages as VitePress loads them itself, so looking for code without use would be in vain.
        name: 'no tree shaking of server code',
        config: (_, { isSsrBuild }) => (isSsrBuild ? { build: { rollupOptions: { treeshake: false } } } : null),
      },
    ],
    resolve: { alias: [{ find: /^.*\/VPHome\.vue$/, replacement: folder('theme/Home.vue') }] },
    publicDir: folder('../public'),
    worker: { format: 'es' },
    server: { watch: { ignored: ['**/dist/**', '**/runs/**', '**/*.tsbuildinfo'] } },
  },
  markdown: {
    theme: codeTheme,
    // The anchors of headings are those of GitHub.
    anchor: { slugify: slug },
    // Formulas become MathML, which browsers draw without a script or a font.
    config(md) {
      // Its types are those of another version of markdown-it.
      md.use(katex.default as unknown as (md: MarkdownRenderer, options: object) => void, {
        output: 'mathml',
        throwOnError: true,
      });
      for (const plugin of [links, figures, excerpts, programs, accessible, highlightOnce]) plugin(md);
    },
    codeTransformers: [
      {
        // The lines of a page of source code have anchors.
        name: 'line anchors',
        line(node, number) {
          if (this.options.meta?.__raw === 'source') node.properties.id = `L${number}`;
        },
      },
    ],
  },
  themeConfig: {
    nav: [
      { text: 'Chapters', link: '/chapters/', activeMatch: '^/chapters/' },
      { text: 'Documents', link: '/introduction', activeMatch: '^/(introduction|architecture|contributing|docs/)' },
      { text: 'Reference', link: '/reference/', activeMatch: '^/reference/' },
      { text: 'Benchmarks', link: '/benchmarks/', activeMatch: '^/benchmarks/' },
    ],
    search: {
      provider: 'local',
      options: {
        // The text only: code would fill most of the index.
        _render: (source, env, md) =>
          env.relativePath.startsWith('source/') ? '' : md.render(source.replace(/^(`{3,}).*?^\1$/gms, ''), env),
      },
    },
    sidebar: sidebar(),
    outline: { level: [2, 3] },
  },
});
