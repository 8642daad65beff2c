import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawFigure, listChapters, listFigures } from '../scripts/lib/chapters.js';

const run = promisify(execFile);

const chapters = listChapters();

/** Chapters that also run on a page, which has no Node. */
const onPages = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13];

/** What WebGPU in Node prints by itself, in chapter 17, where there is a Vulkan loader but no driver. */
const noDriver = /^Warning: vkCreateInstance.*\n(?: +at .*\n|\n)*/gm;

describe.each(chapters)('chapter $name', (chapter) => {
  const { number, name, folder, text, title } = chapter;
  const program = readFileSync(join(folder, 'chapter.ts'), 'utf8');
  let output = '';

  beforeAll(async () => {
    const { stdout, stderr } = await run(process.execPath, [join(folder, 'chapter.js')]);
    expect(stderr.replace(noDriver, '')).toBe('');
    output = stdout;
  });

  test('prints lines of at most 100 columns', () => {
    expect(output).not.toBe('');
    expect(output.split('\n').filter((line) => line.length > 100)).toEqual([]);
  });

  test('has an exercise with tests, a solution, and a figure', () => {
    const expected = ['exercise.test.ts', 'exercise.ts', 'figure.svg', 'solution.ts'];
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(expected));
  });

  test('says how to run it', () => {
    expect(program).toContain(`npm run chapter ${number}\n`);
    expect(text).toContain(`npm run exercise ${number}`);
  });

  test.runIf(onPages.includes(number))('needs no Node', () => {
    const files = readdirSync(folder).filter((file) => /^(?!exercise|solution|.*figure|.*\.d\.ts$).*\.ts$/.test(file));
    for (const file of files)
      expect.soft(readFileSync(join(folder, file), 'utf8'), file).not.toMatch(/from 'node:|\b(process|Buffer)\b/);
  });

  test('is in the reading order', () => {
    const list = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
    expect(list).toContain(`\n${number}. [${title}](${name}/README.md)`);
  });

  test('quotes its code verbatim, except for the indentation', () => {
    for (const [info, code] of blocksOf(text, 'ts \\S+')) {
      const file = info.slice('ts '.length);
      expect.soft(`\n${unindented(readFileSync(join(folder, file), 'utf8'))}`, file).toContain(`\n${unindented(code)}`);
    }
  });

  test('shows what it prints', () => {
    for (const [, lines] of blocksOf(text, 'text')) expect.soft(`\n${output}`).toContain(`\n${lines}`);
  });

  test('shows its figures as their programs draw them', async () => {
    for (const figure of listFigures(chapter))
      expect.soft(await drawFigure(figure)).toBe(readFileSync(figure.file, 'utf8'));
  });
});

/** What follows the backticks of each code block of some kind, and its lines. */
const blocksOf = (document: string, kind: string): string[][] =>
  Array.from(document.matchAll(new RegExp(`^\`\`\`(${kind})\n(.*?)^\`\`\`$`, 'gms')), ([, info, lines]) => [
    info,
    lines,
  ]);

const unindented = (code: string): string => code.replace(/^ +/gm, '');
