import type { Unreadable } from './decode-worker.js';
import { DataError, oneLine } from './errors.js';
import type { ImageSource } from './source.js';

export interface SkippingOptions {
  /** More than this share of the images, and at least ten, are an error. */
  readonly maxSkipped: number;
  /** Whether each image stands for itself: then no number of skipped ones is an error, and a file that cannot be read is skipped, too. */
  readonly isolated: boolean;
  readonly onWarning: (message: string) => void;
}

/** Where nothing else is said. */
export const usualMaxSkipped = 0.01;

/** So few broken images are never an error, however small the data set is. */
const fewImages = 10;

/** Whether something must be wrong with a data set, of which so many images have no pixels. */
export const isTooMany = (skipped: number, images: number, maxSkipped: number): boolean =>
  skipped >= fewImages && skipped > maxSkipped * images;

/** The images of a source that have no pixels, why, and when that is too much. */
export class SkippedImages {
  readonly #source: ImageSource;
  readonly #options: SkippingOptions;
  readonly #reasons = new Map<number, Unreadable>();
  /** How many images of each class are left. Counted when the first one is skipped. */
  #left: number[] | null = null;

  constructor(source: ImageSource, options: SkippingOptions) {
    this.#source = source;
    this.#options = options;
  }

  get size(): number {
    return this.#reasons.size;
  }

  /** Why there is no use in decoding an image again. A file that could not be read may be there by now. */
  reason(index: number): Unreadable | undefined {
    const reason = this.#reasons.get(index);
    return reason?.isFileError ? undefined : reason;
  }

  /** @throws DataError if it is one that must not be skipped, or one too many. */
  add(index: number, reason: Unreadable): void {
    const { isolated, onWarning } = this.#options;
    const name = this.#source.name(index);
    if (reason.isFileError && !isolated) {
      throw new DataError(`cannot read ${name}: ${reason.problem}. Bring the file back (is its disk there?)`);
    }
    if (this.#reasons.has(index)) return;
    this.#reasons.set(index, reason);
    const what = reason.isFileError ? 'cannot read' : 'skipped';
    onWarning(oneLine(`${what} ${name}: ${reason.problem}`));
    if (!isolated) this.#check(index, reason);
  }

  #check(index: number, { problem }: Unreadable): void {
    const source = this.#source;
    const { maxSkipped } = this.#options;
    const example = `${source.name(index)}: ${problem}`;
    this.#left ??= countByClass(source);
    const label = source.label(index);
    this.#left[label]--;
    if (this.#left[label] === 0) {
      const name = source.classes?.[label] ?? label;
      throw new DataError(
        `no image of the class ${name} can be decoded, the last of them ${example}. ` +
          'Convert its images to JPEG or PNG, or remove the class',
      );
    }
    if (isTooMany(this.size, source.length, maxSkipped)) {
      throw new DataError(
        `${this.size} of ${source.length} images cannot be decoded, more than ${100 * maxSkipped} %, the last of them ${example}. ` +
          'Convert or remove them, or allow for more with --max-skipped',
      );
    }
  }
}

function countByClass(source: ImageSource): number[] {
  const counts: number[] = [];
  for (let index = 0; index < source.length; index++) {
    const label = source.label(index);
    counts[label] = (counts[label] ?? 0) + 1;
  }
  return counts;
}
