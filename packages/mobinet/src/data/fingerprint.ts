import { createHash } from 'node:crypto';
import type { ClassFingerprint, ImageDataset } from './source.js';

/** The fingerprint of a data set: one entry per class, in the order of the classes. */
export interface Fingerprint {
  readonly train: readonly ClassFingerprint[];
  readonly val: readonly ClassFingerprint[];
}

/** The fingerprint of a data set, or null if its sources have none. */
export function fingerprintOf({ train, val }: Pick<ImageDataset, 'train' | 'val'>): Fingerprint | null {
  const [ofTrain, ofVal] = [train.fingerprint?.(), val.fingerprint?.()];
  return ofTrain && ofVal ? { train: ofTrain, val: ofVal } : null;
}

/** A hash of the parts that describe the images of a class, in order. 64 bits are enough against accidental changes. */
export function hashOf(parts: Iterable<string | Uint8Array>): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 16);
}

/** Describes how the data of a run has changed, or returns null if it has not. */
export function differenceOf(classes: readonly string[], before: Fingerprint, now: Fingerprint): string | null {
  const differences = (['train', 'val'] as const).flatMap((split) =>
    classes.flatMap((name, label) => {
      const [was, is] = [before[split][label], now[split][label]];
      if (was.images !== is.images) {
        return [`class ${name} has ${is.images} ${purposes[split]} images, but had ${was.images}`];
      }
      if (was.hash === is.hash) return [];
      return [
        `some of the ${is.images} ${purposes[split]} images of class ${name} have other names, sizes or contents`,
      ];
    }),
  );
  if (differences.length === 0) return null;
  const more = differences.length > 1 ? ` (and ${differences.length - 1} more differences)` : '';
  return `${differences[0]}${more}`;
}

const purposes = { train: 'training', val: 'validation' } as const;
