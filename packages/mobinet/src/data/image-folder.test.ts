import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DataError, messageOf } from './errors.js';
import { temporaryFolder, writeFiles } from './fixtures.test.helper.js';
import { imageExtensions } from './image-extensions.js';
import { type ImageFolderOptions, openImageFolder, openValidationFolder } from './image-folder.js';
import type { ImageSource } from './source.js';

const twoByTwo = { 'train/a/1.png': '', 'train/b/1.png': '', 'val/a/1.png': '', 'val/b/1.png': '' };

/** Opens a folder, failing at any warning. */
const open = (folder: string, options: ImageFolderOptions = {}) =>
  openImageFolder(folder, {
    onWarning: (message) => {
      throw new Error(message);
    },
    ...options,
  });

/** The error of opening a folder, which must be one line, apart from a pointer to help. */
function errorOf(
  folder: string,
  options: ImageFolderOptions = {},
  opener: (...args: Parameters<typeof open>) => unknown = open,
): string {
  try {
    opener(folder, options);
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    const message = messageOf(error);
    expect(message).not.toContain('\n');
    return message;
  }
  throw new Error('the folder was accepted');
}

const contents = (source: ImageSource): string[] =>
  Array.from(
    { length: source.length },
    (_, i) => `${source.label(i)} ${source.name!(i).split('/').slice(-2).join('/')}`,
  );

/** The paths of images relative to `folder`. */
const pathsIn = (folder: string, source: ImageSource): string[] =>
  Array.from({ length: source.length }, (_, i) => relative(folder, source.image(i) as string));

describe('openImageFolder', () => {
  test('sorts classes and files by code unit, and reports ignored files', () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      ...twoByTwo,
      'train/B/é.png': '',
      'train/B/z.png': '',
      'train/B/Z.JPG': '',
      'train/B/10.gif': '',
      'train/B/9.gif': '',
      'train/B/.hidden.png': '',
      'train/B/Thumbs.db': '',
      'train/B/raw.heic': '',
      'train/.cache/x.png': '',
      'train/notes.txt': '',
      'val/B/1.png': '',
    });
    const warnings: string[] = [];
    const { classes, train, val } = open(folder, { onWarning: (message) => warnings.push(message) });
    expect(classes).toEqual(['B', 'a', 'b']);
    expect(contents(train)).toEqual([
      '0 B/10.gif',
      '0 B/9.gif',
      '0 B/Z.JPG',
      '0 B/z.png',
      '0 B/é.png',
      '1 a/1.png',
      '2 b/1.png',
    ]);
    expect(contents(val)).toEqual(['0 B/1.png', '1 a/1.png', '2 b/1.png']);
    expect(train.image(0)).toBe(join(folder, 'train', 'B', '10.gif'));
    expect(warnings).toEqual([
      `${folder}: ignored hidden files (2, such as ${join(folder, 'train/.cache')}), ` +
        `files outside class folders (1, such as ${join(folder, 'train/notes.txt')}), ` +
        `files without an image extension (1, such as ${join(folder, 'train/B/Thumbs.db')}), ` +
        `images in unsupported formats (1, such as ${join(folder, 'train/B/raw.heic')})`,
    ]);
  });

  test('reads subfolders of classes: by folder, then by name', () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      ...twoByTwo,
      'train/a/session/2.png': '',
      'train/a/session/deep/3.png': '',
      'train/a/session-b/4.png': '',
      'train/a/.git/5.png': '',
      'train/a/0.jpeg/6.webp': '',
    });
    const { train } = open(folder, { onWarning: () => {} });
    // The order of sorted(os.walk(…)), which torchvision uses.
    expect(pathsIn(join(folder, 'train/a'), train).slice(0, -1)).toEqual([
      ...['1.png', '0.jpeg/6.webp', 'session/2.png', 'session-b/4.png', 'session/deep/3.png'],
    ]);
  });

  test('follows links, but neither loops nor broken links', () => {
    const folder = temporaryFolder();
    writeFiles(folder, { ...twoByTwo, 'elsewhere/1.png': '', 'elsewhere/more/2.png': '', 'val/c/1.png': '' });
    const link = (target: string, at: string) => symlinkSync(target, join(folder, at));
    link(join(folder, 'elsewhere'), 'train/c');
    link('elsewhere/1.png', 'a-file.png');
    link('../../a-file.png', 'train/a/2.png');
    link('self', 'train/a/self');
    link('../../nowhere.png', 'train/a/3.png');
    link('1.png/below', 'train/a/4.png');
    link('.', 'train/b/here');
    link('..', 'train/b/up');
    link('../..', 'train/b/top');
    link('.', 'train/split');
    link('more', 'elsewhere/again');
    const warnings: string[] = [];
    const { classes, train } = open(folder, { onWarning: (message) => warnings.push(message) });
    expect(classes).toEqual(['a', 'b', 'c']);
    expect(pathsIn(join(folder, 'train'), train)).toEqual([
      ...['a/1.png', 'a/2.png', 'b/1.png', 'c/1.png', 'c/again/2.png'],
    ]);
    expect(warnings).toEqual([expect.stringMatching(/folders already read \(5, .*broken links \(3, /)]);
  });

  test('treats names in different Unicode forms as the same', () => {
    const folder = temporaryFolder();
    const [composed, decomposed] = ['é', 'é'].map((name, i) => name.normalize(i === 0 ? 'NFC' : 'NFD'));
    writeFiles(folder, { ...twoByTwo, [`train/${decomposed}/1.png`]: '', [`val/${composed}/1.png`]: '' });
    const { classes, train } = open(folder);
    expect(classes).toEqual(['a', 'b', composed]);
    expect(train.image(2)).toBe(join(folder, 'train', decomposed, '1.png'));
    writeFiles(folder, { [`train/${composed}/1.png`]: '' });
    expect(errorOf(folder)).toContain('the same name in different Unicode forms');
  });

  test('balances a limited number of images across classes', () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      ...twoByTwo,
      'train/a/2.png': '',
      'train/a/3.png': '',
      'train/a/4.png': '',
      'train/b/2.png': '',
    });
    const limited = (limit: number) => contents(open(folder, { limit }).train);
    expect(limited(3)).toEqual(['0 a/1.png', '0 a/2.png', '1 b/1.png']);
    expect(limited(5)).toEqual(['0 a/1.png', '0 a/2.png', '0 a/3.png', '1 b/1.png', '1 b/2.png']);
    expect(limited(50)).toHaveLength(6);
    expect(() => limited(0)).toThrow('limit must be');
    expect(() => limited(1)).toThrow('a limit of 1 images leaves some of the 2 classes without any');
  });

  test('explains what is missing', () => {
    const folder = temporaryFolder();
    expect(errorOf(join(folder, 'absent'))).toContain(`there is no folder ${join(folder, 'absent')}`);
    expect(errorOf(join(folder, 'line\nbreak'))).toContain('line break');
    writeFiles(folder, { file: '' });
    expect(errorOf(join(folder, 'file'))).toContain('is not a folder');
    expect(errorOf(join(folder, 'file', 'below'))).toContain('below');
    rmSync(join(folder, 'file'));
    expect(errorOf(folder)).toContain(`${folder} holds no class folders`);
    mkdirSync(join(folder, 'train'));
    expect(errorOf(folder)).toContain(`${join(folder, 'train')} holds no class folders`);
    writeFiles(folder, { 'train/cat/1.png': '' });
    expect(errorOf(folder)).toContain(`there is no folder ${join(folder, 'val')}`);
    expect(errorOf(folder)).toContain(`or give ${join(folder, 'train')} to hold out a share of it`);
    expect(errorOf(folder, { valShare: 0.2 })).toContain(`Give ${join(folder, 'train')} to split that folder`);
    mkdirSync(join(folder, 'test'));
    expect(errorOf(folder)).toContain('if test holds the validation images, rename it to val');
    writeFiles(folder, { 'val/cat/1.png': '', 'val/dog/1.png': '' });
    expect(errorOf(folder)).toContain('val has classes that train lacks: dog.');
    writeFiles(folder, { 'train/dog/1.txt': '', 'train/emu/1.png': '' });
    expect(errorOf(folder)).toContain('train has classes that val lacks: emu.');
    writeFiles(folder, { 'val/emu/1.png': '' });
    expect(errorOf(folder)).toContain(`${join(folder, 'train', 'dog')} holds no images, only other files (1 × .txt)`);
  });

  test.runIf(process.platform === 'linux')('explains a name that is not UTF-8', () => {
    const folder = temporaryFolder();
    writeFiles(folder, twoByTwo);
    writeFileSync(Buffer.concat([Buffer.from(join(folder, 'train/a/')), Buffer.from('caf\xe9.png', 'latin1')]), '');
    expect(errorOf(folder)).toMatch(/train\/a\/caf.\.png has a name that is not UTF-8\. Rename it$/);
  });

  // Nothing is unreadable to root.
  test.skipIf(process.getuid?.() === 0)('explains missing permission to read a folder', () => {
    const folder = temporaryFolder();
    writeFiles(folder, twoByTwo);
    chmodSync(join(folder, 'train/a'), 0);
    expect(errorOf(folder)).toContain(`no permission to read the image folder ${join(folder, 'train', 'a')}. Change`);
    chmodSync(join(folder, 'train/a'), 0o700);
  });

  test('refuses a class of images that are mostly in unsupported formats', () => {
    const folder = temporaryFolder();
    writeFiles(folder, { ...twoByTwo, 'val/c/1.HEIC': '', 'val/c/2.heic': '', 'val/c/3': '', 'train/c/1.png': '' });
    const unread = errorOf(folder, { onWarning: () => {} });
    expect(unread).toContain(
      `${join(folder, 'val/c')} holds no images, only other files (2 × .heic, 1 × no extension)`,
    );
    expect(unread).toContain('Add files with the extensions .jpg');
    for (let i = 0; i < 10; i++) writeFiles(folder, { [`val/c/${i}.png`]: '', [`val/c/more/${i}.bmp`]: '' });
    expect(errorOf(folder, { onWarning: () => {} })).toMatch(
      /val\/c holds 12 images in unsupported formats and 10 in supported ones/,
    );
    expect(open(folder, { maxSkipped: 0.6, onWarning: () => {} }).val.length).toBe(12);
  });
});

describe('a folder with class folders only', () => {
  /** Classes of 10, 5 and 2 images. */
  function plain(): string {
    const folder = temporaryFolder();
    const names = (count: number) => Array.from({ length: count }, (_, i) => `${i}.png`);
    const files = { cat: names(10), dog: names(5), emu: names(2) };
    for (const [name, of] of Object.entries(files))
      for (const file of of) writeFiles(folder, { [`${name}/${file}`]: name });
    return folder;
  }
  const counts = (source: ImageSource): number[] =>
    [0, 1, 2].map((label) => contents(source).filter((line) => line.startsWith(`${label} `)).length);

  test('is split by class, in the same way for the same seed', () => {
    const folder = plain();
    const { classes, train, val, split } = open(folder);
    expect({ classes, split }).toEqual({ classes: ['cat', 'dog', 'emu'], split: { valShare: 0.2, splitSeed: 0 } });
    expect([counts(train), counts(val)]).toEqual([
      [8, 4, 1],
      [2, 1, 1],
    ]);
    expect([...contents(train), ...contents(val)].sort()).toEqual(contents(openValidationFolder(folder).val).sort());
    expect(contents(open(folder).val)).toEqual(contents(val));
    const seeds = [1, 2, 3].map((splitSeed) => contents(open(folder, { splitSeed }).val).join());
    expect(new Set([contents(val).join(), ...seeds]).size).toBeGreaterThan(1);
    expect([0.5, 0.99].map((valShare) => counts(open(folder, { valShare }).val))).toEqual([
      [5, 3, 1],
      [9, 4, 1],
    ]);
    // The images drawn from a class do not depend on other classes.
    const cats = contents(val).slice(0, 2);
    writeFiles(folder, { 'bee/1.png': '', 'bee/2.png': '' });
    expect(contents(open(folder).val).slice(1, 3)).toEqual(cats.map((line) => line.replace('0 ', '1 ')));
  });

  test('is evaluated whole, or on the share held out for validation', () => {
    const folder = plain();
    expect(openValidationFolder(folder)).toMatchObject({ isUnsplit: true, val: { length: 17 } });
    const drawn = openValidationFolder(folder, { valShare: 0.3, splitSeed: 4 });
    expect(contents(drawn.val)).toEqual(contents(open(folder, { valShare: 0.3, splitSeed: 4 }).val));
    expect(drawn.isUnsplit).toBeUndefined();
  });

  test('with val/ is evaluated without train/', () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'val/a/1.png': '', 'val/b/1.png': '' });
    expect(contents(openValidationFolder(folder).val)).toEqual(['0 a/1.png', '1 b/1.png']);
    expect(errorOf(folder, {}, openImageFolder)).toContain(`there is no folder ${join(folder, 'train')}`);
  });

  test('may have a class named train', () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'car/1.png': '', 'car/2.png': '', 'train/1.png': '', 'train/2.png': '' });
    expect(open(folder).classes).toEqual(['car', 'train']);
  });

  test('is refused if it cannot be split, or already is', () => {
    const folder = plain();
    rmSync(join(folder, 'emu/1.png'));
    expect(errorOf(folder)).toContain(
      `${join(folder, 'emu')} holds one image, but training and validation need one each`,
    );
    const split = temporaryFolder();
    writeFiles(split, twoByTwo);
    expect(errorOf(split, { valShare: 0.2 })).toMatch(
      /already has train\/ and val\/, so it cannot be split again\. Leave out --val-share/,
    );
    expect(errorOf(split, { valShare: 0.2 }, openValidationFolder)).toContain('Leave out --val-share');
    const looksSplit = temporaryFolder();
    writeFiles(looksSplit, { 'seg_train/a/1.png': '', 'seg_test/a/1.png': '' });
    expect(errorOf(looksSplit)).toContain('look like splits, not classes. Rename them to train and val');
    const wrapped = temporaryFolder();
    writeFiles(wrapped, { 'photos/a/1.png': '', 'photos/b/1.png': '' });
    expect(errorOf(wrapped)).toContain(
      `holds a single folder, photos, which holds others. Give ${join(wrapped, 'photos')}`,
    );
  });
});

test('docs/help.md lists the extensions of images', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/help.md'), 'utf8');
  const [, list] = /Files are\s+selected by their extension: (.*?)\.\s/s.exec(page)!;
  expect(list.match(/\.\w+/g)).toEqual([...imageExtensions]);
});
