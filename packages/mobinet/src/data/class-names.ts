import { DataError } from './errors.js';

/**
 * Names of classes from the bytes of a text file, one a line: UTF-8 or, with its mark at the beginning, UTF-16, as Notepad and PowerShell
 * write it. Space around a name is not part of it, and empty lines at the end are none.
 *
 * @param source What errors call the file.
 * @throws DataError, one line, for another encoding, no names, an empty line between names, or a name that is there twice.
 */
export function parseClassNames(bytes: Uint8Array, source: string): string[] {
  const lines = textOf(bytes, source)
    .trimEnd()
    .split(/\r\n|\n|\r/)
    .map((line) => line.trim().normalize('NFC'));
  if (lines.length === 1 && lines[0] === '') {
    throw new DataError(`${source} names no classes. Write one name a line`);
  }
  const known = new Map<string, number>();
  lines.forEach((name, index) => {
    const here = `line ${index + 1} of ${source}`;
    if (name === '') {
      throw new DataError(`${here} is empty: would it be a class? Name it, or take the line out`);
    }
    if (/\p{Cc}/u.test(name)) {
      throw new DataError(`${here} holds a control character. Save it as plain UTF-8 text, one name a line`);
    }
    const other = known.get(name);
    if (other !== undefined) {
      throw new DataError(
        `${here} names ${JSON.stringify(name)}, as line ${other} does. Give each class a name of its own`,
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
    // The mark itself is left out by the decoder. What is shared memory it would refuse.
    text = new TextDecoder(encoding, { fatal: true }).decode(new Uint8Array(bytes));
  } catch (error) {
    throw new DataError(`${source} is not ${encoding.toUpperCase()} text. Save it as UTF-8`, { cause: error });
  }
  if (text.includes('\0')) {
    throw new DataError(
      `${source} holds zero bytes, as UTF-16 without a mark, or a file that is no text. Save it as UTF-8`,
    );
  }
  return text;
}

/**
 * How the classes of images differ from those that a network tells apart; null where they do not. Names are compared as Unicode
 * understands them: an ö of two characters is an ö.
 *
 * @param own Of the network. @param given Of the images.
 */
export function classDifference(own: readonly string[], given: readonly string[]): string | null {
  const [names, others] = [own, given].map((list) => list.map((name) => name.normalize('NFC')));
  const at = names.findIndex((name, index) => name !== others[index]);
  if (at < 0 && names.length === others.length) return null;
  const [known, found] = [new Set(names), new Set(others)];
  const [missing, more] = [names.filter((name) => !found.has(name)), others.filter((name) => !known.has(name))];
  if (missing.length === 0 && more.length === 0 && names.length === others.length) {
    return `they stand in another order: number ${at + 1} is ${listed([names[at]])} of the network, and ${listed([others[at]])} of the images`;
  }
  return [
    `the network has ${names.length}, the images are of ${others.length}`,
    missing.length > 0 && `only the network has ${listed(missing)}`,
    more.length > 0 && `only the images are of ${listed(more)}`,
  ]
    .filter((part) => part !== false)
    .join('; ');
}

const listed = (names: readonly string[]): string =>
  `${names
    .slice(0, 5)
    .map((name) => JSON.stringify(name))
    .join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
