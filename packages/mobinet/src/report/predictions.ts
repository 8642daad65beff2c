import type { Tensor } from '@mobinet/tensor/functions';
import type { Normalization } from '../data/augment.js';
import type { ImageBatch } from '../data/loader.js';
import { resizeShorterSide } from '../data/resize.js';
import { type Image, type ImageSource, nameOf } from '../data/source.js';
import type { Confusion } from './class-scores.js';

/** An image whose class was not recognized. */
export interface WrongImage {
  /** Its name in the data set. */
  readonly name: string;
  readonly label: number;
  readonly predicted: number;
  /** The probability that the network gave the class it predicted. */
  readonly probability: number;
  /** The image as the network saw it, reduced to a thumbnail. */
  readonly thumbnail: Image;
}

/** Options of `Predictions`. */
export interface PredictionsOptions {
  readonly classes: readonly string[];
  /** The images, for their names. */
  readonly source: ImageSource;
  /** How images were normalized, in order to show them. */
  readonly normalization: Normalization;
  /** How many wrong images to keep. Default: 24. */
  readonly limit?: number;
}

/** The side of the thumbnails in pixels. Smaller images keep their size. */
const thumbnailSide = 96;

/** Collects what a network predicts for images: a confusion matrix, and the images it is most confidently wrong on. */
export class Predictions {
  readonly classes: readonly string[];
  readonly #options: PredictionsOptions;
  readonly #limit: number;
  readonly #confusion = new Map<number, number>();
  #wrong: WrongImage[] = [];

  constructor(options: PredictionsOptions) {
    this.#options = options;
    this.#limit = options.limit ?? 24;
    this.classes = options.classes;
  }

  get confusion(): Confusion {
    return this.#confusion;
  }

  /** The images that were given the highest probability for a wrong class, the highest first. */
  get wrong(): readonly WrongImage[] {
    return this.#wrong;
  }

  /** Adds a batch and the network's logits [count, classes] for it. */
  add = async (batch: ImageBatch, logits: Tensor): Promise<void> => {
    const [scores, labels] = await Promise.all([logits.data(), batch.labels.data()]);
    const classes = this.classes.length;
    const wrong: (Omit<WrongImage, 'thumbnail'> & { at: number })[] = [];
    labels.forEach((label, at) => {
      const { predicted, probability } = mostProbable(scores.subarray(at * classes, (at + 1) * classes));
      const entry = label * classes + predicted;
      this.#confusion.set(entry, (this.#confusion.get(entry) ?? 0) + 1);
      if (predicted === label) return;
      wrong.push({ name: nameOf(this.#options.source, batch.indices[at]), label, predicted, probability, at });
    });
    const least = this.#wrong.length < this.#limit ? 0 : this.#wrong[this.#limit - 1].probability;
    const candidates = wrong.filter(({ probability }) => probability > least).sort(byProbability);
    if (candidates.length === 0) return;
    const values = await batch.images.data();
    const kept = candidates
      .slice(0, this.#limit)
      .map(({ at, ...image }) => ({ ...image, thumbnail: this.#thumbnail(values, at, batch.images.shape[1]) }));
    this.#wrong = [...this.#wrong, ...kept].sort(byProbability).slice(0, this.#limit);
  };

  /** @param values f32 [count, size, size, 3], normalized. */
  #thumbnail(values: Float32Array, at: number, size: number): Image {
    const { mean, std } = this.#options.normalization;
    const pixels = Uint8Array.from(values.subarray(at * size * size * 3, (at + 1) * size * size * 3), (value, i) =>
      Math.round(255 * (value * std[i % 3] + mean[i % 3])),
    );
    const image = { height: size, width: size, pixels };
    return size > thumbnailSide ? resizeShorterSide(image, thumbnailSide) : image;
  }
}

const byProbability = (a: { probability: number }, b: { probability: number }): number => b.probability - a.probability;

/** The class of the highest score, the first of equal ones, and its probability (softmax). */
function mostProbable(scores: Float32Array): { predicted: number; probability: number } {
  let predicted = 0;
  for (let c = 1; c < scores.length; c++) if (scores[c] > scores[predicted]) predicted = c;
  const total = scores.reduce((sum, score) => sum + Math.exp(score - scores[predicted]), 0);
  return { predicted, probability: 1 / total };
}
