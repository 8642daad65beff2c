/** What ops of packed networks call on a GPU, by way of `gpuKernels`. */
export { countLinesOnGpu, foldLinesOnGpu } from './count-lines.wgsl.js';
export { countThresholdsOnGpu } from './count-thresholds.wgsl.js';
export { countTransformOnGpu } from './count-transform.wgsl.js';
export { scaleCountsOnGpu } from './scale-counts.wgsl.js';
