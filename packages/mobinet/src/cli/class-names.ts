import { parseClassNames } from '../data/class-names.js';
import { readBytes } from '../data/read-bytes.js';

export const classNamesFlag = [
  '--class-names <file>',
  'a text file of their names, one a line, in the order of the logits',
] as const;

/** The names in a file. `count` is how many there must be, and `source` what says so. */
export async function readClassNames(file: string, count: number | undefined, source: string): Promise<string[]> {
  const names = parseClassNames(await readBytes(file, 'file of class names'), file);
  if (count !== undefined && count !== names.length) {
    throw new RangeError(`${file} names ${names.length} classes, but ${source} ${count}`);
  }
  return names;
}
