import { createHash } from 'node:crypto';
import type { ClassFingerprint, ImageDataset } from './source.js';

/** One entry for each class, in the order of the classes. */
export interface Fingerprint {
  readonly train: readonly ClassFingerprint[];
  readonly val: readonly ClassFingerprint[];
}

/** What tells a data set from others, or null if its sources do not say. */
export function fingerprintOf({ train, val }: Pick<ImageDataset, 'train' | 'val'>): Fingerprint | null {
  const [ofTrain, ofVal] = [train.fingerprint?.(), val.fingerprint?.()];
  return ofTrain && ofVal ? { train: ofTrain, val: ofVal } : null;
}

/** A hash of the parts of what the images of a class are, in their order. 64 bits tell an accident from another. */
export function hashOf(parts: Iterable<string | Uint8Array>): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 16);
}

/** What differs between the data that a run was made with and others, in words; null if nothing does. */
export function differenceOf(classes: readonly string[], before: Fingerprint, now: Fingerprint): string | null {
  const differences = (['train', 'val'] as const).flatMap((split) =>
    classes.flatMap((name, label) => {
      const [was, is] = [before[split][label], now[split][label]];
      if (was.images !== is.images) {
        return [`the class ${name} has ${is.images} images for ${purposes[split]}, and had ${was.images}`];
      }
      if (was.hash === is.hash) return [];
      return [
        `of the ${is.images} images of the class ${name} for ${purposes[split]}, some have other names, sizes or contents`,
      ];
    }),
  );
  if (differences.length === 0) return null;
  const more = differences.length > 1 ? ` (and ${differences.length - 1} more differences)` : '';
  return `${differences[0]}${more}`;
}

const purposes = { train: 'training', val: 'validation' } as const;
