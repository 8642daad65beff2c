export { type MemoryTally, withoutMemory } from './absent.js';
export {
  currentBackend,
  gpuBufferCount,
  gpuTensorLimit,
  memory,
  startGpuTimes,
  withBackend,
} from './backend.js';
export type { BackendName } from './backend-name.js';
export { type KernelChoice, kernelChoices } from './backends/cpu/race.js';
export { setThreads, threadCount } from './backends/cpu/threads.js';
export type { KernelTime } from './backends/webgpu/kernel-time.js';
export { BitTensor, bitTensor, countWords, wordBits, wordsPerRow } from './bit-tensor.js';
export {
  checkChoice,
  checkFunction,
  checkList,
  checkNumber,
  checkNumbers,
  checkOptionNames,
  checkOptions,
  checkRecord,
  checkTensor,
  describeRange,
  isInRange,
  isRecord,
  type NumberRange,
  shown,
  wholeNumbers,
} from './check.js';
export { broadcastShapes } from './check-shape.js';
export * from './create.js';
export type { DType, TypedArray, TypedArrays } from './dtype.js';
export {
  BackendError,
  DisposedError,
  DTypeError,
  FormatError,
  GradientError,
  KernelError,
  OutOfMemoryError,
  ShapeError,
  TraceError,
} from './errors.js';
export { fromNdarray, type NdArray, type NdArrayDType, toNdarray } from './io/ndarray.js';
export { decodeNpy, encodeNpy } from './io/npy.js';
export {
  decodeSafetensors,
  decodeSafetensorsMetadata,
  type Safetensors,
} from './io/read-safetensors.js';
export type { SafetensorsMetadata, SafetensorsSpec } from './io/safetensors-format.js';
export { encodeSafetensors, safetensorsByteLength } from './io/write-safetensors.js';
export { reportLeaks } from './leaks.js';
export { assign, toBackend, toHost } from './move.js';
export {
  apply,
  applyInto,
  defineOp,
  isRecording,
  profile,
  type RecordedCall,
  type Recorder,
  recordCall,
  startProfile,
} from './op.js';
export type { AnyTensor, GradientContext, InputGradients, OpDefinition, Spec } from './op-definition.js';
export { bitConv2d } from './ops/bits/bit-conv2d.js';
export {
  type BitConv2dAttributes,
  type BitConv2dOptions,
  bitConv2dAttributes,
  type PaddingValue,
} from './ops/bits/bit-conv2d-attributes.js';
export { bitConv2dFilterGradient, bitConv2dInputGradient } from './ops/bits/bit-conv2d-gradients.js';
export type { CountDType } from './ops/bits/bit-gemm.wasm.js';
export { bitMatmul } from './ops/bits/bit-matmul.js';
export { packBits, unpackBits } from './ops/bits/pack-bits.js';
export { type ConvTranspose2dOptions, convTranspose2d } from './ops/conv2d/conv-transpose2d.js';
export { type Conv1dOptions, conv1d } from './ops/conv2d/conv1d.js';
export { conv2d } from './ops/conv2d/conv2d.js';
export type { Conv2dOptions } from './ops/conv2d/conv2d-attributes.js';
export { conv2dFilterGradient, conv2dInputGradient } from './ops/conv2d/conv2d-gradients.js';
export { type DropoutOptions, dropout } from './ops/dropout/dropout.js';
export { clip, clip as clamp, leakyRelu, relu, sigmoid, tanh } from './ops/elementwise/activation.js';
export { add, div, maximum, minimum, mod, mul, pow, sub } from './ops/elementwise/binary.js';
export { cast } from './ops/elementwise/cast.js';
export { equal, greater, greaterEqual, less, lessEqual, notEqual } from './ops/elementwise/compare.js';
export { type EluOptions, elu } from './ops/elementwise/elu.js';
export { erf } from './ops/elementwise/erf.js';
export { type GeluOptions, gelu } from './ops/elementwise/gelu.js';
export { hardSwish } from './ops/elementwise/hard-swish.js';
export { logicalAnd, logicalNot, logicalOr, logicalXor } from './ops/elementwise/logical.js';
export { expm1, log1p } from './ops/elementwise/near-zero.js';
export type { Operands } from './ops/elementwise/operands.js';
export { isFinite, isNaN } from './ops/elementwise/predicates.js';
export { prelu } from './ops/elementwise/prelu.js';
export { ceil, floor, round, trunc } from './ops/elementwise/rounding.js';
export { silu } from './ops/elementwise/silu.js';
export { type SoftplusOptions, softplus } from './ops/elementwise/softplus.js';
export { cos, sin, tan } from './ops/elementwise/trigonometric.js';
export { abs, exp, log, neg, sign, sqrt, square } from './ops/elementwise/unary.js';
export { where } from './ops/elementwise/where.js';
export { diag } from './ops/linear-algebra/diagonal.js';
export { einsum } from './ops/linear-algebra/einsum.js';
export { dot, outer } from './ops/linear-algebra/products.js';
export { type DiagonalOptions, tril, triu } from './ops/linear-algebra/triangles.js';
export { type MatmulOptions, matmul } from './ops/matmul/matmul.js';
export { affine } from './ops/norm/affine.js';
export { type BatchNormOptions, type BatchNormResult, batchNorm } from './ops/norm/batch-norm.js';
export { batchNormEval, type FoldableBatchNorm, foldBatchNorm } from './ops/norm/batch-norm-eval.js';
export { type GroupNormOptions, groupNorm, type LayerNormOptions, layerNorm } from './ops/norm/group-norm.js';
export { avgPool2d } from './ops/pool/average.js';
export { maxPool2d, minPool2d } from './ops/pool/extreme.js';
export type { PoolOptions } from './ops/pool/pool.js';
export { cumprod, cumsum } from './ops/reduce/cumulative.js';
export { std } from './ops/reduce/deviation.js';
export { argMax, argMin, max, min } from './ops/reduce/extreme.js';
export { logSumExp } from './ops/reduce/log-sum-exp.js';
export { all, any } from './ops/reduce/logical.js';
export { mean, type VarianceOptions, variance } from './ops/reduce/mean.js';
export { type NormOptions, norm } from './ops/reduce/norm.js';
export { prod } from './ops/reduce/product.js';
export type { ReduceOptions } from './ops/reduce/reduction.js';
export { type SumDType, sum, sumTo } from './ops/reduce/sum.js';
export { type InterpolateOptions, interpolate } from './ops/resample/interpolate.js';
export { broadcastTo, expand } from './ops/shape/broadcast-to.js';
export { concat, stack } from './ops/shape/concat.js';
export type { AxisPadding } from './ops/shape/constant-pad.js';
export { embedding } from './ops/shape/embedding.js';
export { flip } from './ops/shape/flip.js';
export { gather, scatterAdd } from './ops/shape/gather.js';
export { type PadMode, type PadOptions, pad } from './ops/shape/pad.js';
export { reshape, squeeze, unsqueeze } from './ops/shape/reshape.js';
export { roll } from './ops/shape/roll.js';
export { slice } from './ops/shape/slice.js';
export { split } from './ops/shape/split.js';
export { repeat, tile } from './ops/shape/tile.js';
export { transpose } from './ops/shape/transpose.js';
export { logSoftmax, softmax } from './ops/softmax/softmax.js';
export { argsort, type SortOptions, sort } from './ops/sort/sort.js';
export { type TopKOptions, type TopKResult, topK } from './ops/sort/top-k.js';
export { type UniqueResult, unique } from './ops/sort/unique.js';
export type { Padding, Pair, WindowOptions } from './ops/window.js';
export type { OpProfile } from './profile.js';
export { compile } from './program/compile.js';
export { checkRng, Rng, type RngState } from './random.js';
export { dispose, keep, type Synchronous, tidy } from './scope.js';
export { type Shape, sameShape, sizeOf, stridesOf } from './shape.js';
export { Tensor } from './tensor.js';
export { checkGradient, type GradientOptions as CheckGradientOptions } from './testing/check-gradient.js';
export { isTracing } from './tracer.js';
export type { UnsharedBytes } from './unshared-bytes.js';
export { type BackendChoice, useBackend } from './use-backend.js';
export { withRecorder } from './with-recorder.js';
