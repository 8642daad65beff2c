import { readBytes } from '../data/read-bytes.js';

export const classNamesFlag = [
  '--class-names <file>',
  'a text file of their names, one a line, in the order of the logits',
] as const;

/** The lines of a file. `count` is how many there must be, and `source` what says so. */
export async function readClassNames(file: string, count: number | undefined, source: string): Promise<string[]> {
  const text = new TextDecoder().decode(await readBytes(file, 'file of class names'));
  const names = text.split(/\r?\n/).filter((name) => name !== '');
  if (names.length === 0) throw new RangeError(`${file} names no classes. Write one name a line`);
  if (count !== undefined && count !== names.length) {
    throw new RangeError(`${file} names ${names.length} classes, but ${source} ${count}`);
  }
  return names;
}
