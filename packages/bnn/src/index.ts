export { type BinaryConv2dOptions, binaryConv2d } from './binary-conv2d.js';
export { type BinarySegmentOptions, binarySegment } from './binary-segment.js';
export { Bop, type BopOptions } from './bop.js';
export { type Estimator, signWithEstimator } from './estimator.js';
export { inferenceRules } from './inference-rules.js';
export { latentNormal } from './initializer.js';
export { BinaryConv2d, type BinaryConv2dLayerOptions } from './layers/binary-conv2d.js';
export { BinaryLinear, type BinaryLinearOptions } from './layers/binary-linear.js';
export { type BinarizedWeights, binarizeWeights, type ScalingGradient } from './scaling.js';
