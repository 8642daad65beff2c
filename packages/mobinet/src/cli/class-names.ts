import { parseClassNames } from '../data/class-names.js';
import { readBytes } from '../data/read-bytes.js';

/** The flag that names a file of class names. */
export const classNamesFlag = [
  '--class-names <file>',
  'text file with one class name per line, in the order of the logits',
] as const;

/**
 * Reads the class names in a file.
 * @param count The required number of names, if any.
 * @param source What requires it, for the error, such as `--classes is`.
 */
export async function readClassNames(file: string, count: number | undefined, source: string): Promise<string[]> {
  const names = parseClassNames(await readBytes(file, 'class names file'), file);
  if (count !== undefined && count !== names.length) {
    throw new RangeError(`${file} names ${names.length} classes, but ${source} ${count}`);
  }
  return names;
}
