export { type CheckGradientOptions, checkGradient } from '@mobinet/tensor/functions';
export { clipByGlobalNorm, clipByValue, globalNorm } from './clip.js';
export {
  type CustomForward,
  customGradient,
  type Differentiated,
  gradient,
  noGradient,
  stopGradient,
  valueAndGradient,
} from './differentiate.js';
export * from './initializers.js';
export { PReLU, ReLU, RPReLU, type RPReLUOptions } from './layers/activations.js';
export { BatchNorm2d, type BatchNormOptions } from './layers/batch-norm.js';
export { Conv2d, type Conv2dLayerOptions } from './layers/conv2d.js';
export { Dropout, type DropoutLayerOptions } from './layers/dropout.js';
export { Embedding, type EmbeddingOptions } from './layers/embedding.js';
export { GroupNorm, type GroupNormLayerOptions, LayerNorm } from './layers/group-norm.js';
export { Linear, type LinearOptions } from './layers/linear.js';
export { GlobalAveragePool2d, Pool2d, type PoolKind } from './layers/pooling.js';
export { Sequential } from './layers/sequential.js';
export { crossEntropy, distillationLoss, mse } from './losses.js';
export { Module } from './module.js';
export { Adam, type AdamOptions, AdamW } from './optimizers/adam.js';
export {
  ExponentialMovingAverage,
  type ExponentialMovingAverageOptions,
} from './optimizers/exponential-moving-average.js';
export {
  Optimizer,
  type OptimizerState,
  type Update,
  type WeightDecayOptions,
} from './optimizers/optimizer.js';
export { SGD, type SGDOptions } from './optimizers/sgd.js';
export { Parameter } from './parameter.js';
export {
  decayRange,
  fractionRange,
  labelSmoothingRange,
  learningRateRange,
  temperatureRange,
  weightDecayRange,
} from './ranges.js';
export { constant, cosine, oneCycle, type Schedule, stepDecay, warmUp } from './schedules.js';
export { flatten, type Gradients, unflatten } from './tree.js';
