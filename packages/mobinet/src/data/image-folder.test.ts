import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DataError } from './errors.js';
import { temporaryFolder, writeFiles } from './fixtures.test.helper.js';
import { openImageFolder } from './image-folder.js';
import type { ImageSource } from './source.js';

const twoByTwo = { 'train/a/1.png': '', 'train/b/1.png': '', 'val/a/1.png': '', 'val/b/1.png': '' };

/** What opening a folder says, which must be one line. */
function complaint(folder: string): string {
  try {
    openImageFolder(folder);
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).message).not.toContain('\n');
    return (error as DataError).message;
  }
  throw new Error('openImageFolder accepted the folder');
}

const contents = (source: ImageSource): string[] =>
  Array.from(
    { length: source.length },
    (_, i) => `${source.label(i)} ${source.name(i).split('/').slice(-2).join('/')}`,
  );

describe('openImageFolder', () => {
  test('sorts classes and files by code unit, and leaves out hidden ones and folders within classes', () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      ...twoByTwo,
      'train/B/é.png': '',
      'train/B/z.png': '',
      'train/B/Z.jpg': '',
      'train/B/10.gif': '',
      'train/B/9.gif': '',
      'train/B/.hidden.png': '',
      'train/B/nested/x.png': '',
      'train/.cache/x.png': '',
      'train/notes.txt': '',
      'val/B/1.png': '',
    });
    const { classes, train, val } = openImageFolder(folder);
    expect(classes).toEqual(['B', 'a', 'b']);
    expect(contents(train)).toEqual([
      '0 B/10.gif',
      '0 B/9.gif',
      '0 B/Z.jpg',
      '0 B/z.png',
      '0 B/é.png',
      '1 a/1.png',
      '2 b/1.png',
    ]);
    expect(contents(val)).toEqual(['0 B/1.png', '1 a/1.png', '2 b/1.png']);
    expect(train.image(0)).toBe(join(folder, 'train', 'B', '10.gif'));
  });

  test('draws a limited number evenly over the classes', () => {
    const folder = temporaryFolder();
    writeFiles(folder, {
      ...twoByTwo,
      'train/a/2.png': '',
      'train/a/3.png': '',
      'train/a/4.png': '',
      'train/b/2.png': '',
    });
    const limited = (limit: number) => contents(openImageFolder(folder, { limit }).train);
    expect(limited(1)).toEqual(['0 a/1.png']);
    expect(limited(3)).toEqual(['0 a/1.png', '0 a/2.png', '1 b/1.png']);
    expect(limited(5)).toEqual(['0 a/1.png', '0 a/2.png', '0 a/3.png', '1 b/1.png', '1 b/2.png']);
    expect(limited(50)).toHaveLength(6);
    expect(() => limited(0)).toThrow('limit must be');
  });

  test('follows links', () => {
    const folder = temporaryFolder();
    writeFiles(folder, { ...twoByTwo, 'elsewhere/1.png': '', 'val/c/1.png': '' });
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'train/c'));
    symlinkSync(join(folder, 'nowhere.png'), join(folder, 'train/a/2.png'));
    expect(contents(openImageFolder(folder).train)).toEqual(['0 a/1.png', '0 a/2.png', '1 b/1.png', '2 c/1.png']);
  });

  test('explains what is missing', () => {
    const folder = temporaryFolder();
    expect(complaint(join(folder, 'absent'))).toContain(`there is no folder ${join(folder, 'absent')}`);
    expect(complaint(join(folder, 'line\nbreak'))).toContain('line break');
    writeFiles(folder, { file: '' });
    expect(complaint(join(folder, 'file'))).toContain('is not a folder');
    expect(complaint(join(folder, 'file', 'below'))).toContain('below');
    expect(complaint(folder)).toContain(`there is no folder ${join(folder, 'train')}`);
    mkdirSync(join(folder, 'train'));
    expect(complaint(folder)).toContain(`${join(folder, 'train')} holds no class folders`);
    writeFiles(folder, { 'train/cat/1.png': '' });
    expect(complaint(folder)).toContain(`there is no folder ${join(folder, 'val')}`);
    writeFiles(folder, { 'val/cat/1.png': '', 'val/dog/1.png': '' });
    expect(complaint(folder)).toContain('val has classes that train lacks: dog.');
    writeFiles(folder, { 'train/dog/.hidden': '', 'train/emu/1.png': '' });
    expect(complaint(folder)).toContain('train has classes that val lacks: emu.');
    writeFiles(folder, { 'val/emu/1.png': '' });
    expect(complaint(folder)).toContain(`${join(folder, 'train', 'dog')} holds no images`);
  });

  // Nothing is unreadable to root.
  test.skipIf(process.getuid?.() === 0)('explains a folder that may not be read', () => {
    const folder = temporaryFolder();
    writeFiles(folder, twoByTwo);
    chmodSync(join(folder, 'train/a'), 0);
    expect(complaint(folder)).toContain(`cannot read ${join(folder, 'train', 'a')}`);
    chmodSync(join(folder, 'train/a'), 0o700);
  });
});
