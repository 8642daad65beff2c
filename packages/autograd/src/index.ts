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
export { GELU, PReLU, ReLU, RPReLU, type RPReLUOptions, Sigmoid, SiLU, Tanh } from './layers/activations.js';
export { BatchNorm2d, type BatchNormOptions } from './layers/batch-norm.js';
export { ConvTranspose2d, type ConvTranspose2dLayerOptions } from './layers/conv-transpose2d.js';
export { Conv2d, type Conv2dLayerOptions } from './layers/conv2d.js';
export { Dropout, type DropoutLayerOptions } from './layers/dropout.js';
export { Embedding, type EmbeddingOptions } from './layers/embedding.js';
export { Flatten, type FlattenOptions } from './layers/flatten.js';
export { GroupNorm, type GroupNormLayerOptions, LayerNorm } from './layers/group-norm.js';
export { Identity } from './layers/identity.js';
export { Linear, type LinearOptions } from './layers/linear.js';
export { GlobalAveragePool2d, Pool2d, type PoolKind } from './layers/pooling.js';
export { Sequential } from './layers/sequential.js';
export { Upsample } from './layers/upsample.js';
export type { Reduction } from './loss-terms.js';
export { type CrossEntropyOptions, crossEntropy, distillationLoss } from './losses.js';
export { type AnyModule, Module } from './module.js';
export { Adam, type AdamOptions, AdamW } from './optimizers/adam.js';
export {
  ExponentialMovingAverage,
  type ExponentialMovingAverageOptions,
} from './optimizers/exponential-moving-average.js';
export {
  Optimizer,
  type OptimizerOptions,
  type OptimizerState,
  type ParameterGroup,
  type Update,
} from './optimizers/optimizer.js';
export { RMSProp, type RMSPropOptions } from './optimizers/rmsprop.js';
export { SGD, type SGDOptions } from './optimizers/sgd.js';
export { Parameter } from './parameter.js';
export {
  type BinaryCrossEntropyOptions,
  binaryCrossEntropyWithLogits,
  type KlDivergenceOptions,
  klDivergence,
} from './probability-losses.js';
export {
  decayRange,
  fractionRange,
  labelSmoothingRange,
  learningRateRange,
  temperatureRange,
  weightDecayRange,
} from './ranges.js';
export {
  ReduceOnPlateau,
  type ReduceOnPlateauOptions,
  type ReduceOnPlateauState,
} from './reduce-on-plateau.js';
export { type HuberOptions, huber, l1, mse, type RegressionLossOptions } from './regression-losses.js';
export {
  constant,
  cosine,
  exponential,
  oneCycle,
  product,
  type Schedule,
  sequence,
  stepDecay,
  warmUp,
} from './schedules.js';
export { type LoadStateOptions, loadState, saveState } from './state.js';
export { flatten, type Gradients, unflatten } from './tree.js';
