/**
 * The building blocks of binary layers, for authors of layers and fusion rules: operations on the counts of bit
 * convolutions, and parts of their gradients.
 */

export { type Counts, countDType } from './counts.js';
export {
  type FoldableSegment,
  type FoldedOutputTransformResult,
  foldedOutputTransform,
  foldedOutputTransformOp,
  foldOutputTransform,
} from './folded-output-transform.js';
export type { FoldedOutputTransformAttributes, OutputPool } from './folded-output-transform-attributes.js';
export { type BinaryInputGradient, binaryInputGradient, type SkipGradient } from './input-gradient.js';
export { scaleCounts } from './scale-counts.js';
export {
  type ChannelParameters,
  type ScalePreluBatchNormGradients,
  type ScalePreluBatchNormResult,
  scalePreluBatchNorm,
  scalePreluBatchNormGradient,
} from './scale-prelu-batch-norm.js';
export type { ScalePreluBatchNormAttributes } from './scale-prelu-batch-norm-attributes.js';
export { weightGradient } from './scaling.js';
export { signThresholds, signThresholdsOp } from './sign-thresholds.js';
