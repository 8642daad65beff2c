import type { Prediction } from 'mobinet';
import type { Answered } from './worker-link.js';

// The messages between the page and its worker.

/** A question to the worker, which answers with a `Reply` of the same id. */
export interface Question {
  readonly id: number;
  /** The picture to classify: an image file, or a frame of the camera. Null asks for the `ModelInfo`. */
  readonly picture: Blob | ImageBitmap | null;
}

/** A reply of the worker. */
export type Reply = Answered<ModelInfo | Answer>;

export interface ModelInfo {
  readonly classes: readonly string[];
  /** How much larger the shorter side of a picture is than the part that the network sees: its center square. */
  readonly zoom: number;
}

export interface Answer {
  /** The most probable classes, in descending order. */
  readonly predictions: readonly Prediction[];
  /** The time from pixels to predictions. */
  readonly milliseconds: number;
}
