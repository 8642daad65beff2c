import type { Prediction } from 'mobinet';
import type { Answered } from './worker-link.js';

// The messages between the page and its worker.

/** A question to the worker, which answers with a `Reply` of the same id. */
export type Question = Task & { readonly id: number };

/** What the worker is asked to do: first to load a model, then to classify pictures. */
export type Task =
  /** The bytes of a packed model. The result is its `ModelInfo`. */
  | { readonly model: Uint8Array }
  /** An image file, or a frame of the camera. The result is an `Answer`. */
  | { readonly picture: Blob | ImageBitmap };

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
