import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './flags.js';

/** A chapter: a folder of `examples` whose name begins with a number of two digits. */
export interface Chapter {
  readonly number: number;
  /** The name of its folder, such as `04-spirals`. */
  readonly name: string;
  readonly folder: string;
  /** Its text, `README.md`. */
  readonly text: string;
  /** The heading of its text, without the number. */
  readonly title: string;
}

/** A figure of a chapter: its file, and the program that draws it. */
export interface Figure {
  readonly program: string;
  readonly file: string;
}

const examples = join(root, 'examples');

/** All chapters, in order. */
export function listChapters(): Chapter[] {
  return readdirSync(examples)
    .filter((name) => /^\d\d-/.test(name) && existsSync(join(examples, name, 'chapter.ts')))
    .map((name) => {
      const number = Number(name.slice(0, 2));
      const folder = join(examples, name);
      const text = readFileSync(join(folder, 'README.md'), 'utf8');
      const [heading] = text.split('\n');
      if (!heading.startsWith(`# ${number}. `))
        throw new Error(`${name}/README.md must begin with “# ${number}. Title”`);
      return { number, name, folder, text, title: heading.slice(`# ${number}. `.length) };
    })
    .sort((a, b) => a.number - b.number);
}

/** `figure.ts` draws `figure.svg`, and `NAME.figure.ts` draws `NAME.svg`. */
export function listFigures({ folder }: Chapter): Figure[] {
  return readdirSync(folder)
    .filter((name) => /(^|\.)figure\.ts$/.test(name))
    .map((name) => ({
      program: join(folder, name.replace(/\.ts$/, '.js')),
      file: join(folder, name.replace(/(\.figure)?\.ts$/, '.svg')),
    }));
}

/** What the program of a figure draws: the text of an SVG file. */
export async function drawFigure({ program }: Figure): Promise<string> {
  const { default: draw } = await import(pathToFileURL(program).href);
  return draw();
}
