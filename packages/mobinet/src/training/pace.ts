/** A number of images and the time they took. */
interface Work {
  images: number;
  seconds: number;
}

/** A number of images to train and to validate on. */
export interface ImageCounts {
  readonly train: number;
  readonly val: number;
}

/** A first step of at least this many seconds is representative, although it includes the warm-up. */
const longStep = 10;

/**
 * The backward pass costs about twice as much as the forward pass, so validation takes a third of the time of training.
 */
const forwardShare = 1 / 3;

/** Estimates the duration of training from the steps since it was started or resumed. */
export class Pace {
  readonly #first: Work = { images: 0, seconds: 0 };
  readonly #train: Work = { images: 0, seconds: 0 };
  readonly #validation: Work = { images: 0, seconds: 0 };

  /**
   * Records a step. The first one waits for images and compiles kernels, so it only counts until there is a second one.
   */
  step(images: number, seconds: number): void {
    add(this.#first.images === 0 ? this.#first : this.#train, images, seconds);
  }

  /** Records a whole validation. */
  validation(images: number, seconds: number): void {
    add(this.#validation, images, seconds);
  }

  /** Estimates how many seconds the given images will take; null while the pace is unknown. */
  secondsFor({ train, val }: ImageCounts): number | null {
    const measured = this.#train.images > 0 ? this.#train : this.#first;
    if (measured === this.#first && measured.seconds < longStep) return null;
    const perImage = measured.seconds / measured.images;
    const { images, seconds } = this.#validation;
    return train * perImage + val * (images > 0 ? seconds / images : forwardShare * perImage);
  }
}

function add(work: Work, images: number, seconds: number): void {
  work.images += images;
  work.seconds += seconds;
}
