/// <reference lib="webworker" />
// A worker that runs a program which the reader may have edited. What it prints is posted to the page.
import type { Printed } from '../live/protocol.js';

/** The modules that programs may import. The build defines it. */
declare const MODULES: readonly string[];

const post = (message: Printed): void => postMessage(message);

for (const level of ['log', 'info', 'warn', 'error'] as const) {
  console[level] = (...values: unknown[]) => post({ kind: 'text', text: values.map(String).join(' ') });
}

addEventListener(
  'message',
  async ({ data: { chapter, program } }: MessageEvent<{ chapter: string; program: string }>) => {
    try {
      await import(URL.createObjectURL(new Blob([withAddresses(program, chapter)], { type: 'text/javascript' })));
      post({ kind: 'end' });
    } catch (error) {
      post({ kind: 'error', text: String(error) });
    }
  },
);

/** Replaces the names of modules, at the ends of lines, by their addresses, since a worker has no import map. */
function withAddresses(program: string, chapter: string): string {
  return program.replace(
    /^(import (?:.* from )?|(?:export .*|\}) from )(['"])([^'"]+)\2;?$/gm,
    (_, start, quote, specifier) => {
      const module = specifier.startsWith('.')
        ? new URL(specifier, `file:///examples/${chapter}/`).pathname.slice(1)
        : specifier;
      if (!MODULES.includes(module)) {
        throw new Error(`A program here cannot import ${specifier}, only ${MODULES.join(', ')}.`);
      }
      return `${start}${quote}${new URL(`${module.replace(/\.js$/, '')}.js`, import.meta.url)}${quote};`;
    },
  );
}
