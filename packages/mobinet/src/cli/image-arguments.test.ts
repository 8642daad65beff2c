import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder, writeFiles } from '../data/fixtures.test.helper.js';
import { listImageArguments } from './image-arguments.js';

/** A folder of empty files, since only names are read. */
function photos(): string {
  const folder = temporaryFolder();
  const names = ['b.png', 'a.JPG', 'notes.txt', '.hidden.png', 'cat/c.webp', 'cat/.trash/d.png', 'cat/x/e.gif'];
  writeFiles(folder, Object.fromEntries(names.map((name) => [name, ''])));
  symlinkSync('..', join(folder, 'cat', 'up'));
  symlinkSync('nowhere', join(folder, 'broken.png'));
  return folder;
}

/** The images of arguments, which are relative to a folder, and the warnings. */
function list(folder: string, ...args: readonly string[]): { images: readonly string[]; warnings: readonly string[] } {
  const warnings: string[] = [];
  const paths = args.map((argument) => `${folder}/${argument}`);
  const images = listImageArguments(paths, (warning) => warnings.push(warning.replaceAll(`${folder}/`, '')));
  return { images: images.map((image) => image.replace(`${folder}/`, '')), warnings };
}

describe('listImageArguments', () => {
  test('keeps files and URLs, also those that may not exist, in the order of the arguments', () => {
    const folder = photos();
    const args = ['https://example.com/?a=*.jpg', join(folder, 'none.jpg'), join(folder, 'notes.txt'), 'HTTP://a/b'];
    expect(listImageArguments(args, expect.unreachable)).toEqual(args);
    expect(listImageArguments(['x\0.jpg'], expect.unreachable)).toEqual(['x\0.jpg']);
  });

  test('replaces a folder by its images, in the order of an image folder, and reports what it ignores', () => {
    const { images, warnings } = list(photos(), 'b.png', '', 'cat');
    expect(images).toEqual(['b.png', 'a.JPG', 'b.png', 'cat/c.webp', 'cat/x/e.gif', 'cat/c.webp', 'cat/x/e.gif']);
    expect(warnings).toEqual([
      ': ignored hidden files (2, such as .hidden.png), broken links (1, such as broken.png), ' +
        'folders already read (1, such as cat/up), files without an image extension (1, such as notes.txt)',
      'cat: ignored hidden files (1, such as cat/.trash), folders already read (1, such as cat/up)',
    ]);
  });

  test.each([
    // Subfolders are not searched, so the link in one of them is not reported.
    ['*.png', ['b.png'], ['*.png: ignored broken links (1, such as broken.png)']],
    ['[a-b].*', ['a.JPG', 'b.png'], []],
    ['*/*.webp', ['cat/c.webp'], []],
    ['**/*.gif', ['cat/x/e.gif'], ['**/*.gif: ignored folders already read (1, such as cat/up)']],
    ['c*', ['cat/c.webp', 'cat/x/e.gif'], expect.arrayContaining([expect.stringContaining('cat/.trash')])],
    ['{*.txt,a.*}', ['a.JPG'], ['{*.txt,a.*}: ignored files without an image extension (1, such as notes.txt)']],
  ])('replaces the glob %s by the images that match it, and those in folders that do', (glob, images, warnings) => {
    expect(list(photos(), glob)).toEqual({ images, warnings });
  });

  test('prefers a file or folder of a name to the glob', () => {
    const folder = photos();
    writeFiles(folder, { '[ab].png': '', '{cat}/f.png': '' });
    expect(list(folder, '[ab].png', '{cat}').images).toEqual(['[ab].png', '{cat}/f.png']);
  });

  test('rejects what has no images, and what is no URL', () => {
    const folder = photos();
    mkdirSync(join(folder, 'empty'));
    writeFiles(folder, { 'texts/a.txt': '', 'texts/b.txt': '', 'texts/README': '' });
    const cases: [argument: string, message: string][] = [
      ['empty', 'empty holds no images. Check the path; images have the extensions .jpg .jpeg '],
      ['texts', 'texts holds no images, only other files (1 × no extension, 2 × .txt). Check the path'],
      ['*.avif', '*.avif. Check the path; images have the extensions .jpg .jpeg '],
      ['texts/*', 'texts/*, only other files (1 × no extension, 2 × .txt). Check the path'],
      ['none/*.jpg', 'none/. Check the path'],
    ];
    for (const [argument, message] of cases) expect(() => list(folder, argument)).toThrow(message);
    const listAlone = (argument: string) => () => listImageArguments([argument], expect.unreachable);
    expect(listAlone('http://')).toThrow(/^http:\/\/ is not a valid URL\. Check its server and port$/);
    expect(listAlone('s3://a/*.jpg')).toThrow(
      /^s3:\/\/a\/\*\.jpg: s3 URLs are not supported, only http and https\. Download the image/,
    );
  });
});
