import { imageNetNormalization } from '../data/augment.js';
import { checkPreprocessing, type Preprocessing } from '../data/prepare.js';
import { checkClasses } from './metadata.js';

/** Information about a network that a packed or ONNX file carries besides its program. */
export interface PackedInfo {
  /** Names of the classes, in the order of the logits. */
  readonly classes?: readonly string[] | undefined;
  /** How images are prepared for the network. */
  readonly preprocessing?: Preprocessing | undefined;
}

/**
 * The preprocessing for files that do not name any, such as those of untrained networks. As in the paper, images are
 * resized to slightly more than the crop and normalized with the statistics of ImageNet.
 */
export function defaultPreprocessing(imageSize: number): Preprocessing {
  return { resize: Math.round((imageSize * 256) / 224), normalization: imageNetNormalization };
}

/**
 * Encodes the information as metadata of a file.
 *
 * @param count The number of classes.
 * @throws RangeError, one line, if it is invalid.
 */
export function encodeInfo({ classes, preprocessing }: PackedInfo, count: number): Record<string, string> {
  if (classes) checkClasses(classes, count);
  if (preprocessing) checkPreprocessing(preprocessing);
  return {
    ...(classes && { classes: JSON.stringify(classes) }),
    ...(preprocessing && { preprocessing: JSON.stringify(preprocessing) }),
  };
}

/** The inverse of `encodeInfo`. @throws RangeError or SyntaxError if the metadata is invalid. */
export function decodeInfo({ classes, preprocessing }: Record<string, string>, count: number): PackedInfo {
  const info: { classes?: readonly string[]; preprocessing?: Preprocessing } = {};
  if (classes !== undefined) {
    const names: unknown = JSON.parse(classes);
    checkClasses(names, count);
    info.classes = names;
  }
  if (preprocessing !== undefined) {
    const how: unknown = JSON.parse(preprocessing);
    checkPreprocessing(how);
    info.preprocessing = how;
  }
  return info;
}
