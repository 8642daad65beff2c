import { describe, expect, test } from 'vitest';
import { classDifference, parseClassNames } from './class-names.js';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const utf16 = (text: string, isBig = false): Uint8Array => {
  const bytes = Buffer.from(`\ufeff${text}`, 'utf16le');
  return isBig ? bytes.swap16() : bytes;
};

describe('parseClassNames', () => {
  test.each<[string, Uint8Array]>([
    ['UTF-8', utf8('cat\ndög')],
    ['the line ends of Windows, and an empty last line', utf8('cat\r\ndög\r\n\r\n')],
    ['the line ends of old Macs', utf8('cat\rdög\r')],
    ['UTF-8 with a mark', utf8('\ufeffcat\ndög\n')],
    ['UTF-16', utf16('cat\r\ndög\r\n')],
    ['UTF-16 the other way round', utf16('cat\ndög', true)],
    ['space around names', utf8('  cat\t\ndög ')],
    ['an ö of two characters', utf8('cat\ndo\u0308g')],
  ])('reads %s', (_, bytes) => {
    expect(parseClassNames(bytes, 'names.txt')).toEqual(['cat', 'dög']);
  });

  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', utf8(''), /^names\.txt names no classes\. Write one name a line$/],
    ['empty lines', utf8('\n \r\n'), /names no classes/],
    ['an empty line between names', utf8('cat\n\ndog\n'), /^line 2 of names\.txt is empty: would it be a class\?/],
    ['a name twice', utf8('cat\ndog\ncat\n'), /^line 3 of names\.txt names "cat", as line 1 does\. Give each class a/],
    ['a name twice, as Unicode has it', utf8('dög\ndo\u0308g'), /^line 2 of names\.txt names "dög", as line 1 does/],
    [
      'UTF-16 without a mark',
      utf16('cat\r\ndog').subarray(2),
      /^names\.txt holds zero bytes, as UTF-16 without a mark/,
    ],
    ['Latin-1', Uint8Array.of(0x64, 0xf6, 0x67), /^names\.txt is not UTF-8 text\. Save it as UTF-8$/],
    ['half a UTF-16', utf16('cat').subarray(0, 7), /^names\.txt is not UTF-16LE text/],
    ['codes of a terminal', utf8('cat\n\u001b[31mdog'), /^line 2 of names\.txt holds a control character/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseClassNames(bytes, 'names.txt')).toThrow(message);
  });
});

describe('classDifference', () => {
  test('is none for the same names, however they are written', () => {
    expect(classDifference(['a', 'dög'], ['a', 'do\u0308g'])).toBeNull();
    expect(classDifference([], [])).toBeNull();
  });

  test.each<[readonly string[], readonly string[], string]>([
    // Joined with commas, these would be the same.
    [
      ['a,b', 'c'],
      ['a', 'b,c'],
      'the network has 2, the images are of 2; only the network has "a,b", "c"; only the images are of "a", "b,c"',
    ],
    [
      ['a', 'b', 'c'],
      ['a', 'c', 'b'],
      'they stand in another order: number 2 is "b" of the network, and "c" of the images',
    ],
    [['a', 'b'], ['a'], 'the network has 2, the images are of 1; only the network has "b"'],
    [['a'], ['a', 'b'], 'the network has 1, the images are of 2; only the images are of "b"'],
    [
      ['1', '2', '3', '4', '5', '6', '7'],
      ['x'],
      'the network has 7, the images are of 1; only the network has "1", "2", "3", "4", "5" and 2 more; only the images are of "x"',
    ],
  ])('of %j and %j', (own, given, difference) => {
    expect(classDifference(own, given)).toBe(difference);
  });
});
