/**
 * What the layers of binary networks are made of, for those who write layers and rules of their own: operations on counts of signs, and pieces of
 * gradients.
 */

export { type CountLinesResult, countLines, countLinesOp, type FoldableSegment, foldLines } from './count-lines.js';
export type { CountLinesAttributes, LinesPool } from './count-lines-attributes.js';
export {
  type ChannelParameters,
  type CountNormGradients,
  type CountNormResult,
  countNorm,
  countNormGradient,
} from './count-norm.js';
export type { CountNormAttributes } from './count-norm-attributes.js';
export { countThresholds, countThresholdsOp } from './count-thresholds.js';
export { type Counts, countDType } from './counts.js';
export { binaryInputGradient, type SkipGradient } from './input-gradient.js';
export { scaleCounts } from './scale-counts.js';
export { weightGradient } from './scaling.js';
