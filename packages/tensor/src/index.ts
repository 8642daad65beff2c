export { BitTensor, countWords, wordBits, wordsPerRow } from './bit-tensor.js';
export * from './create.js';
export type { DType, TypedArray, TypedArrays } from './dtype.js';
export { DisposedError, DTypeError, FormatError, ShapeError } from './errors.js';
export {
  type AnyTensor,
  apply,
  applyInto,
  defineOp,
  type GradientContext,
  type InputGradients,
  type OpDefinition,
  type RecordedCall,
  type Recorder,
  recordCall,
  type Spec,
  withRecorder,
} from './op.js';
export { type Conv2dOptions, conv2d, conv2dFilterGradient, conv2dInputGradient } from './ops/conv2d/conv2d.js';
export type { Padding, Pair, WindowOptions } from './ops/window.js';
export { Rng, type RngState } from './random.js';
export { dispose, keep, memory, type Synchronous, tidy } from './scope.js';
export { broadcastShapes, type Shape, sameShape, sizeOf, stridesOf } from './shape.js';
export { Tensor } from './tensor.js';
