import { imageFromPicture, type Picture } from '../data/image-from-picture.js';
import { loadPacked, type PackedModel, unpackModel } from './packed-model.js';
import { className, type Prediction } from './prediction.js';

/** Classifies pictures, as `mobinet predict` does. Its functions may be used without it (`const { classify } = …`). */
export interface Classifier {
  /** The names of all classes. */
  readonly classes: readonly string[];
  /**
   * The classes of a picture with their probabilities, most probable first. The picture is scaled, cropped and
   * normalized as the network expects.
   *
   * @param options.top How many classes to return. Default: all.
   * @throws Error, one line, if the picture cannot be read: see `imageFromPicture`.
   */
  classify(picture: Picture, options?: { readonly top?: number }): Promise<Prediction[]>;
}

/** Makes a classifier from the bytes of a packed model. @throws FormatError like `unpackModel`. */
export function createClassifier(bytes: Uint8Array): Classifier {
  return classifierOf(unpackModel(bytes));
}

/**
 * Loads a packed model from a URL or a path and makes a classifier from it.
 *
 * ```ts
 * const { classify } = await loadClassifier('model.mobinet.safetensors');
 * const [{ name, probability }] = await classify(document.querySelector('img'));
 * ```
 *
 * @throws FormatError or Error like `loadPacked`.
 */
export async function loadClassifier(source: string | URL): Promise<Classifier> {
  return classifierOf(await loadPacked(source));
}

function classifierOf(model: PackedModel): Classifier {
  const classes = Array.from({ length: model.classCount }, (_, index) => className(model.info.classes, index));
  return {
    classes,
    async classify(picture, { top = classes.length } = {}) {
      const [found] = await model.predict([await imageFromPicture(picture)], { top });
      return found;
    },
  };
}
