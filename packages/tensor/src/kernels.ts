/**
 * Building blocks of kernels, for packages that define operations: `import … from '@mobinet/tensor/kernels'`.
 * CONTRIBUTING.md shows how to use them.
 */

export { chunksOf, watchKernels } from './backends/cpu/dispatch.js';
export { withTemporary } from './backends/cpu/heap.js';
export {
  type Argument,
  Kernel,
  type KernelBody,
  type KernelParameters,
  type ParameterTypes,
  type RunOptions,
} from './backends/cpu/kernel.js';
export { bytesAt, floatsAt, wordsAt } from './backends/cpu/memory.js';
export { memoize } from './backends/memoize.js';
export { type ElementType, elementAt } from './backends/webgpu/elements.js';
export { groupsOf, linear, linearWorkgroup, maxBuffers, Shader } from './backends/webgpu/shader.js';
export { bytesPerElement } from './dtype.js';
export { environmentVariable } from './environment.js';
export { addressOf, aliasOf, shareMemory, twinOf, versionOf } from './handles.js';
export { type HelpSection, splitHelp, withHelp } from './help.js';
export { kernelSetting } from './kernel-setting.js';
export { multiplyAddIsFused, usePortableKernels } from './multiply-add.js';
export { bitConv2dOp } from './ops/bits/bit-conv2d.js';
export { bitConv2dOptions, checkPaddingValue } from './ops/bits/bit-conv2d-attributes.js';
export { hasLookup, inputGradientWithEpilogue } from './ops/bits/bit-conv2d-gradients.js';
export { withBitGemm } from './ops/bits/bit-gemm.js';
export { packMaskOnGpu } from './ops/bits/bits.wgsl.js';
export { forEachBit, setBits } from './ops/bits/each-bit.js';
export type { Epilogue, EpilogueArguments, RowEpilogue } from './ops/bits/epilogue.wasm.js';
export { packBitsOp } from './ops/bits/pack-bits.js';
export { type MaskPredicate, packMask } from './ops/bits/pack-bits.wasm.js';
export { bitOfLane, packGroups, packLanes, packWorkgroup, storeWord } from './ops/bits/pack-lanes.wgsl.js';
export { type ColumnSumsDefinition, ColumnSumsShader, type FinishDefinition } from './ops/column-sums.wgsl.js';
export { conv2dOptions } from './ops/conv2d/conv2d-attributes.js';
export {
  type GpuEpilogue,
  type GpuEpilogueCall,
  inputGradientOnGpu,
} from './ops/conv2d/conv2d-input-gradient.wgsl.js';
export { filterShape } from './ops/conv2d/filter-shape.js';
export type { InputGradientTensors } from './ops/conv2d/input-gradient-tensors.js';
export { countedDropout, dropoutRange } from './ops/dropout/dropout.js';
export { type Elementwise, elementwiseOp } from './ops/elementwise/elementwise.js';
export { ElementwiseKernel } from './ops/elementwise/elementwise.wasm.js';
export { flushedWgsl } from './ops/elementwise/elementwise.wgsl.js';
export { flushed, smallestGradient } from './ops/flush.js';
export { flushedLanes, flushLimit } from './ops/flush.wasm.js';
export type { Reduction } from './ops/reduce/reduction.js';
export { sumOnGpu, workgroupSum } from './ops/reduce/sum.wgsl.js';
export { interpolateOptions } from './ops/resample/interpolate.js';
export { ChannelKernel, ColumnSums, sumBlocks } from './ops/rows.wasm.js';
export { softmaxRows } from './ops/softmax/softmax.wasm.js';
export { lineSums, softmaxDeclarations, softmaxStep, softmaxWorkgroup } from './ops/softmax/softmax.wgsl.js';
export { checkPair, checkWindow, type Window, type WindowGeometry } from './ops/window.js';
export { forEachPixel } from './ops/window.wasm.js';
export { partOf } from './part.js';
export { type Draft, fuse, isCallOf, type OpCall, type Rule } from './program/fuse.js';
export { type Layer, layerNames, layersOf, multiplyAddsOf } from './program/layers.js';
export { placedBytes } from './program/place.js';
export { type Call, disposeProgram, formatProgram, type Program, type Value } from './program/program.js';
export { prune } from './program/prune.js';
export { ReadyProgram } from './program/run.js';
export { type TensorFunction, trace } from './program/trace.js';
export { emptyTensor } from './tensor.js';
export * from './wasm/assembler.js';
