import { countLinesOnGpu, foldLinesOnGpu } from './count-lines.wgsl.js';
import { countThresholdsOnGpu } from './count-thresholds.wgsl.js';
import { countTransformOnGpu } from './count-transform.wgsl.js';
import { provideGpuKernels } from './gpu-kernels.js';
import { scaleCountsOnGpu } from './scale-counts.wgsl.js';

// What trains imports these kernels itself. A page that only runs packed networks has them by `import '@mobinet/bnn/webgpu'`; without
// that line its bundle is smaller.

const packedKernels = {
  countLinesOnGpu,
  countThresholdsOnGpu,
  countTransformOnGpu,
  foldLinesOnGpu,
  scaleCountsOnGpu,
};

export type PackedKernels = typeof packedKernels;

provideGpuKernels(packedKernels);
