import type { Unreadable } from './decode-worker.js';
import { DataError, oneLine } from './errors.js';
import { type ImageSource, nameOf } from './source.js';

/** When a skipped image is an error. */
export interface SkippingOptions {
  /** The largest share of images that may be skipped. A larger share, of at least ten images, is an error. */
  readonly maxSkipped: number;
  /**
   * Whether the images are independent inputs. Any number of them may then be skipped, even files that cannot be read.
   */
  readonly isolated: boolean;
  readonly onWarning: (message: string) => void;
}

/** An image that could not be read or decoded. */
export interface SkippedImage {
  /** Its index in its source. */
  readonly index: number;
  readonly reason: Unreadable;
}

/** The default of `maxSkipped`. */
export const defaultMaxSkipped = 0.01;

/** Fewer broken images than this are never an error, however small the data set is. */
const fewImages = 10;

/** Whether so many images are broken that the data set itself must be at fault. */
export const isTooMany = (skipped: number, images: number, maxSkipped: number): boolean =>
  skipped >= fewImages && skipped > maxSkipped * images;

/** Tracks the images of a source that could not be read or decoded, and decides when there are too many. */
export class SkippedImages {
  readonly #source: ImageSource;
  readonly #options: SkippingOptions;
  readonly #reasons = new Map<number, Unreadable>();
  /** The number of remaining images of each class. Counted when the first image is skipped. */
  #left: number[] | null = null;

  constructor(source: ImageSource, options: SkippingOptions) {
    this.#source = source;
    this.#options = options;
  }

  get size(): number {
    return this.#reasons.size;
  }

  /** Why an image cannot be decoded. Undefined if its file could not be read, since that may have changed. */
  reason(index: number): Unreadable | undefined {
    const reason = this.#reasons.get(index);
    return reason?.isFileError ? undefined : reason;
  }

  /**
   * Skips an image and warns about it.
   * @throws DataError if the image must not be skipped, or if too many have been.
   */
  add(index: number, reason: Unreadable): void {
    const { isolated, onWarning } = this.#options;
    const name = nameOf(this.#source, index);
    if (reason.isFileError && !isolated) {
      throw new DataError(`cannot read ${name}: ${reason.problem}. Restore the file (is its disk mounted?)`);
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
    const example = `${nameOf(source, index)}: ${problem}`;
    this.#left ??= countByClass(source);
    const label = source.label(index);
    this.#left[label]--;
    if (this.#left[label] === 0) {
      const name = source.classes?.[label] ?? label;
      throw new DataError(
        `no image of class ${name} can be decoded. The last failure was ${example}. ` +
          'Convert its images to JPEG or PNG, or remove the class',
      );
    }
    if (isTooMany(this.size, source.length, maxSkipped)) {
      throw new DataError(
        `${this.size} of ${source.length} images cannot be decoded, more than ${100 * maxSkipped} %. The last failure was ${example}. ` +
          'Convert or remove them, or allow more with --max-skipped',
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
