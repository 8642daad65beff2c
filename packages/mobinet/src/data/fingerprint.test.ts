import { appendFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { differenceOf, fingerprintOf } from './fingerprint.js';
import { temporaryFolder, writeFiles } from './fixtures.test.helper.js';
import { openImageFolder } from './image-folder.js';

describe('the fingerprint of a folder', () => {
  /** The difference after a change, if any. */
  function differenceAfter(change: (folder: string) => void, limit?: number): string | null {
    const folder = temporaryFolder();
    const names = ['train/a', 'train/b', 'val/a', 'val/b'];
    for (const name of names) for (let i = 0; i < 4; i++) writeFiles(folder, { [`${name}/${i}.png`]: 'x' });
    const fingerprint = () => fingerprintOf(openImageFolder(folder, { limit }))!;
    const before = fingerprint();
    change(folder);
    return differenceOf(['a', 'b'], before, fingerprint());
  }
  const move = (from: string, to: string) => (folder: string) => renameSync(join(folder, from), join(folder, to));

  test.each([
    ['nothing', () => {}, null],
    ['a name', move('train/b/0.png', 'train/b/x.png'), 'some of the 4 training images of class b have other names'],
    ['a class', move('train/a/0.png', 'train/b/x.png'), 'class a has 3 training images, but had 4 (and 1 more'],
    [
      'a size',
      (folder: string) => appendFileSync(join(folder, 'val/b/0.png'), 'y'),
      'validation images of class b have other',
    ],
    ['a new file', (folder: string) => writeFiles(folder, { 'val/a/9.png': '' }), 'class a has 5 validation images'],
  ])('reports a change of %s', (_, change, difference) => {
    const found = differenceAfter(change);
    if (difference === null) expect(found).toBeNull();
    else expect(found).toContain(difference);
  });

  test('depends on which images are used, even if their number is the same', () => {
    expect(differenceAfter((folder) => rmSync(join(folder, 'train/a/0.png')), 4)).toContain(
      'some of the 2 training images of class a have other names',
    );
  });
});
