export { type BinaryConv2dOptions, binaryConv2d } from './binary-conv2d.js';
export { type BinarySegmentOptions, binarySegment } from './binary-segment.js';
export { Bop, type BopOptions } from './bop.js';
export {
  type CountLinesAttributes,
  type CountLinesResult,
  countLines,
  countLinesOp,
  type FoldableSegment,
  foldLines,
  type LinesPool,
} from './count-lines.js';
export {
  type ChannelParameters,
  type CountNormAttributes,
  type CountNormGradients,
  type CountNormResult,
  countNorm,
  countNormGradient,
} from './count-norm.js';
export { countThresholds, countThresholdsOp } from './count-thresholds.js';
export { type Counts, countDType } from './counts.js';
export { type Estimator, signWithEstimator } from './estimator.js';
export { inferenceRules } from './inference-rules.js';
export { latentNormal } from './initializer.js';
export { binaryInputGradient, type SkipGradient } from './input-gradient.js';
export { BinaryConv2d, type BinaryConv2dLayerOptions } from './layers/binary-conv2d.js';
export { BinaryDense, type BinaryDenseOptions } from './layers/binary-dense.js';
export { scaleCounts } from './scale-counts.js';
export { type BinarizedWeights, binarizeWeights, type ScalingGradient, weightGradient } from './scaling.js';
