import { describe, expect, test } from 'vitest';
import { parseGlob } from './glob.js';

const files = ['a.jpg', 'b.JPG', '.h.jpg', 'p1.jpg', 'p(1).jpg', 'p[1].jpg', 'ä.jpg', 'cat/a.jpg', 'cat/x/a.png'];

/** The files that a glob matches, given by their paths in its folder. */
function matches(text: string, platform: NodeJS.Platform = 'linux'): string[] {
  const { selection } = parseGlob(text, platform)!;
  return files.filter((file) => selection.selects(file));
}

describe('parseGlob', () => {
  test.each([
    ['*.jpg', ['a.jpg', 'p1.jpg', 'p(1).jpg', 'p[1].jpg', 'ä.jpg']],
    ['.*.jpg', ['.h.jpg']],
    ['?.jpg', ['a.jpg', 'ä.jpg']],
    // With a combining character, as some file systems store it.
    ['*a\u0308.jpg', ['ä.jpg']],
    ['p[1].*', ['p1.jpg']],
    ['p\\[*.jpg', ['p[1].jpg']],
    ['p(*).jpg', ['p(1).jpg']],
    ['[a-c].{jpg,JPG}', ['a.jpg', 'b.JPG']],
    ['!*.jpg', []],
    ['@(a|b)*', []],
    ['*/*', ['cat/a.jpg']],
    ['**/a.*', ['a.jpg', 'cat/a.jpg', 'cat/x/a.png']],
    ['{cat,dog}/**', ['cat/a.jpg', 'cat/x/a.png']],
  ])('%s matches as in a shell', (text, expected) => {
    expect(matches(text)).toEqual(expected);
  });

  test('ignores case and reads backslashes as slashes where the system does', () => {
    expect(matches('b.j*')).toEqual([]);
    expect(matches('b.j*', 'darwin')).toEqual(['b.JPG']);
    expect(matches('b.j*', 'win32')).toEqual(['b.JPG']);
    expect(parseGlob('C:\\photos\\*.jpg', 'win32')?.folder).toBe('C:/photos/');
    expect(parseGlob('\\\\server\\photos\\*.jpg', 'win32')?.folder).toBe('//server/photos/');
    expect(matches('*\\x\\*', 'win32')).toEqual(['cat/x/a.png']);
  });

  test.each([
    ['*.jpg', '.', 0],
    ['/*.jpg', '/', 0],
    ['../photos/*//*.jpg', '../photos/', 1],
    ['photos/*/', 'photos/', 0],
    ['photos (2)/a\\[1\\]/*/*.jpg', 'photos (2)/a[1]/', 1],
    ['a/{b/c,d}/*.jpg', 'a/', 2],
    ['a/**/*.jpg', 'a/', Number.POSITIVE_INFINITY],
  ])('%s is searched in %s, %s levels deep', (text, folder, depth) => {
    expect(parseGlob(text, 'linux')).toMatchObject({ folder, selection: { depth } });
  });

  test.each(['a.jpg', 'photos (1)/a.jpg', 'a\\[1\\].jpg', ''])('%j has no wildcards', (text) => {
    expect(parseGlob(text, 'linux')).toBeNull();
  });
});
