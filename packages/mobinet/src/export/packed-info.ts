import { imageNetNormalization } from '../data/augment.js';
import { checkPreprocessing, type Preprocessing } from '../data/prepare.js';
import { checkClasses } from './metadata.js';

/** What a file says of a network, beside what it does. */
export interface PackedInfo {
  /** Names of the classes, in the order of the logits. */
  readonly classes?: readonly string[] | undefined;
  /** How images are made ready for it. */
  readonly preprocessing?: Preprocessing | undefined;
}

/** What is assumed where a file, made of an untrained network say, tells nothing of images. As in the paper: they are scaled to a
 * little more than what is cut, and normalised with the statistics of ImageNet. */
export function usualPreprocessing(imageSize: number): Preprocessing {
  return { resize: Math.round((imageSize * 256) / 224), normalization: imageNetNormalization };
}

/** As metadata of a file: JSON. @param count How many classes there are. @throws RangeError, one line, for what does not fit. */
export function encodeInfo({ classes, preprocessing }: PackedInfo, count: number): Record<string, string> {
  if (classes) checkClasses(classes, count);
  if (preprocessing) checkPreprocessing(preprocessing);
  return {
    ...(classes && { classes: JSON.stringify(classes) }),
    ...(preprocessing && { preprocessing: JSON.stringify(preprocessing) }),
  };
}

/** The way back. */
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
