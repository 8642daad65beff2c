/** The GPU kernels that the ops of packed networks call by way of `gpuKernels`. */
export { foldedOutputTransformOnGpu, foldOutputTransformOnGpu } from './folded-output-transform.wgsl.js';
export { outputTransformOnGpu } from './output-transform.wgsl.js';
export { scaleCountsOnGpu } from './scale-counts.wgsl.js';
export { signThresholdsOnGpu } from './sign-thresholds.wgsl.js';
