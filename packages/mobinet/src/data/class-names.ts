import { DataError } from './errors.js';

/**
 * Parses the bytes of a text file with one class name per line. The encoding is UTF-8 or, with a byte order mark,
 * UTF-16, as Notepad and PowerShell write it. Whitespace around names and empty lines at the end are dropped.
 *
 * @param source What errors call the file.
 * @throws DataError, one line, for another encoding, an empty file, an empty line between names, or a repeated name.
 */
export function parseClassNames(bytes: Uint8Array, source: string): string[] {
  const lines = textOf(bytes, source)
    .trimEnd()
    .split(/\r\n|\n|\r/)
    .map((line) => line.trim().normalize('NFC'));
  if (lines.length === 1 && lines[0] === '') {
    throw new DataError(`${source} contains no class names. Write one name per line`);
  }
  const known = new Map<string, number>();
  lines.forEach((name, index) => {
    const here = `line ${index + 1} of ${source}`;
    if (name === '') {
      throw new DataError(`${here} is empty. Write a class name there, or remove the line`);
    }
    if (/\p{Cc}/u.test(name)) {
      throw new DataError(`${here} contains a control character. Save it as plain UTF-8 text with one name per line`);
    }
    const other = known.get(name);
    if (other !== undefined) {
      throw new DataError(
        `${here} repeats the name ${JSON.stringify(name)} of line ${other}. Give each class a unique name`,
      );
    }
    known.set(name, index + 1);
  });
  return lines;
}

function textOf(bytes: Uint8Array, source: string): string {
  const [first, second] = bytes;
  const encoding =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  let text: string;
  try {
    // The decoder drops the byte order mark. It refuses shared memory, so the bytes are copied.
    text = new TextDecoder(encoding, { fatal: true }).decode(new Uint8Array(bytes));
  } catch (error) {
    throw new DataError(`${source} is not ${encoding.toUpperCase()} text. Save it as UTF-8`, { cause: error });
  }
  if (text.includes('\0')) {
    throw new DataError(
      `${source} contains zero bytes: it is UTF-16 without a byte order mark, or not text. Save it as UTF-8`,
    );
  }
  return text;
}

/**
 * Describes how the classes of images differ from those of a network; null if they are the same. Names are compared in
 * Unicode's composed form, so an ö of two characters equals a single ö.
 *
 * @param own The classes of the network.
 * @param given The classes of the images.
 */
export function classDifference(own: readonly string[], given: readonly string[]): string | null {
  const [names, others] = [own, given].map((list) => list.map((name) => name.normalize('NFC')));
  const at = names.findIndex((name, index) => name !== others[index]);
  if (at < 0 && names.length === others.length) return null;
  const [known, found] = [new Set(names), new Set(others)];
  const [missing, more] = [names.filter((name) => !found.has(name)), others.filter((name) => !known.has(name))];
  if (missing.length === 0 && more.length === 0 && names.length === others.length) {
    return `their order differs: class ${at + 1} is ${listed([names[at]])} in the network, but ${listed([others[at]])} in the images`;
  }
  return [
    `the network has ${names.length}, the images have ${others.length}`,
    missing.length > 0 && `only the network has ${listed(missing)}`,
    more.length > 0 && `only the images have ${listed(more)}`,
  ]
    .filter((part) => part !== false)
    .join('; ');
}

const listed = (names: readonly string[]): string =>
  `${names
    .slice(0, 5)
    .map((name) => JSON.stringify(name))
    .join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
