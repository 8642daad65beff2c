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
    ['Windows line ends, and an empty last line', utf8('cat\r\ndög\r\n\r\n')],
    ['line ends of old Macs', utf8('cat\rdög\r')],
    ['UTF-8 with a byte order mark', utf8('\ufeffcat\ndög\n')],
    ['UTF-16', utf16('cat\r\ndög\r\n')],
    ['big-endian UTF-16', utf16('cat\ndög', true)],
    ['whitespace around names', utf8('  cat\t\ndög ')],
    ['an ö of two characters', utf8('cat\ndo\u0308g')],
  ])('reads %s', (_, bytes) => {
    expect(parseClassNames(bytes, 'names.txt')).toEqual(['cat', 'dög']);
  });

  test.each<[string, Uint8Array, RegExp]>([
    ['an empty file', utf8(''), /^names\.txt contains no class names\. Write one name per line$/],
    ['empty lines', utf8('\n \r\n'), /contains no class names/],
    ['an empty line between names', utf8('cat\n\ndog\n'), /^line 2 of names\.txt is empty\. Write a class name there/],
    ['a repeated name', utf8('cat\ndog\ncat\n'), /^line 3 of names\.txt repeats the name "cat" of line 1\. Give each/],
    [
      'a name repeated in another Unicode form',
      utf8('dög\ndo\u0308g'),
      /^line 2 of names\.txt repeats the name "dög" of line 1/,
    ],
    [
      'UTF-16 without a byte order mark',
      utf16('cat\r\ndog').subarray(2),
      /^names\.txt contains zero bytes: it is UTF-16 without a byte order mark/,
    ],
    ['Latin-1', Uint8Array.of(0x64, 0xf6, 0x67), /^names\.txt is not UTF-8 text\. Save it as UTF-8$/],
    ['truncated UTF-16', utf16('cat').subarray(0, 7), /^names\.txt is not UTF-16LE text/],
    ['terminal codes', utf8('cat\n\u001b[31mdog'), /^line 2 of names\.txt contains a control character/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseClassNames(bytes, 'names.txt')).toThrow(message);
  });
});

describe('classDifference', () => {
  test('is null for the same names in any Unicode form', () => {
    expect(classDifference(['a', 'dög'], ['a', 'do\u0308g'])).toBeNull();
    expect(classDifference([], [])).toBeNull();
  });

  test.each<[readonly string[], readonly string[], string]>([
    // Joined with commas, these would be the same.
    [
      ['a,b', 'c'],
      ['a', 'b,c'],
      'the network has 2, the images have 2; only the network has "a,b", "c"; only the images have "a", "b,c"',
    ],
    [['a', 'b', 'c'], ['a', 'c', 'b'], 'their order differs: class 2 is "b" in the network, but "c" in the images'],
    [['a', 'b'], ['a'], 'the network has 2, the images have 1; only the network has "b"'],
    [['a'], ['a', 'b'], 'the network has 1, the images have 2; only the images have "b"'],
    [
      ['1', '2', '3', '4', '5', '6', '7'],
      ['x'],
      'the network has 7, the images have 1; only the network has "1", "2", "3", "4", "5" and 2 more; only the images have "x"',
    ],
  ])('describes the difference between %j and %j', (own, given, difference) => {
    expect(classDifference(own, given)).toBe(difference);
  });
});
