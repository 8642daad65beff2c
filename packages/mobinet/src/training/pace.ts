/** Some images, and how long they took. */
interface Work {
  images: number;
  seconds: number;
}

/** How many images there are in an epoch, or are left of it. */
export interface ImageCounts {
  readonly train: number;
  readonly val: number;
}

/** A step that takes so many seconds tells the pace by itself. */
const longStep = 10;

/** Backward costs about twice what forward does: so an image is validated in a third of the time of training. */
const forwardShare = 1 / 3;

/** How long training takes, from the steps since it was started, or taken up from a checkpoint. */
export class Pace {
  readonly #first: Work = { images: 0, seconds: 0 };
  readonly #train: Work = { images: 0, seconds: 0 };
  readonly #validation: Work = { images: 0, seconds: 0 };

  /** Called for a step. The first one waits for images and compiles kernels: it counts for as long as there is no other. */
  step(images: number, seconds: number): void {
    add(this.#first.images === 0 ? this.#first : this.#train, images, seconds);
  }

  /** Called for a whole validation. */
  validation(images: number, seconds: number): void {
    add(this.#validation, images, seconds);
  }

  /** How long so many images will take, in seconds; null while that is not known. */
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
