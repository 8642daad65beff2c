import { checkOptions } from '@mobinet/tensor/functions';
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
   * @param picture Pixels in RGBA, a blob, or an image element of a page, of any size.
   * @param options.top How many classes to return. Default: all.
   * @throws Error, one line, if the picture cannot be read: see `imageFromPicture`.
   */
  classify(picture: Picture, options?: { readonly top?: number }): Promise<Prediction[]>;
}

/**
 * Makes a classifier from the bytes of a packed model.
 *
 * @throws FormatError like `unpackModel`.
 * @example
 * ```ts
 * import { createClassifier, createMoBiNet, packModel } from 'mobinet';
 *
 * const network = createMoBiNet({ width: 0.25, imageSize: 32, classes: 2 });
 * const { classify } = createClassifier(packModel(network, { classes: ['cat', 'dog'] }));
 * // Pixels in RGBA. In a browser, also an image element, a File, a canvas or a video.
 * const found = await classify({ height: 40, width: 40, data: new Uint8ClampedArray(40 * 40 * 4) });
 * console.log(found.map(({ name }) => name).sort().join(' '));
 * // → cat dog
 * ```
 */
export function createClassifier(bytes: Uint8Array): Classifier {
  return classifierOf(unpackModel(bytes));
}

/**
 * Loads a packed model from a URL or a path and makes a classifier from it.
 *
 * @throws FormatError or Error like `loadPacked`.
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { createMoBiNet, loadClassifier, packModel, saveFile } from 'mobinet';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * const file = join(folder, 'pets.mobinet.safetensors'); // on a web page, a URL
 * const network = createMoBiNet({ width: 0.25, imageSize: 32, classes: 2 });
 * await saveFile(file, packModel(network, { classes: ['cat', 'dog'] }));
 *
 * const { classes, classify } = await loadClassifier(file);
 * const [best] = await classify({ height: 40, width: 40, data: new Uint8ClampedArray(40 * 40 * 4) }, { top: 1 });
 * console.log(classes.includes(best.name), best.probability >= 0.5);
 * // → true true
 * await rm(folder, { recursive: true });
 * ```
 */
export async function loadClassifier(source: string | URL): Promise<Classifier> {
  return classifierOf(await loadPacked(source));
}

function classifierOf(model: PackedModel): Classifier {
  const classes = Array.from({ length: model.classCount }, (_, index) => className(model.info.classes, index));
  return {
    classes,
    async classify(picture, options = {}) {
      checkOptions('classify', options, ['top']);
      const { top = classes.length } = options;
      const [found] = await model.predict([await imageFromPicture(picture)], { top });
      return found;
    },
  };
}
