import { oneLine } from './errors.js';

/** The names of classes that have only numbers: 0, 1, … */
export const numberedClasses = (count: number): string[] => Array.from({ length: count }, (_, label) => String(label));

/** Warns in one line if some classes have no training images. */
export function warnOfAbsentClasses(
  where: string,
  classes: readonly string[],
  labels: Iterable<number>,
  onWarning: (message: string) => void = console.warn,
): void {
  const present = new Set(labels);
  const absent = classes.filter((_, label) => !present.has(label));
  if (absent.length === 0) return;
  onWarning(oneLine(`${where} has no images of the classes ${absent.join(', ')}, which cannot be learned`));
}
