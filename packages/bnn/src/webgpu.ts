import { provideGpuKernels } from './gpu-kernels.js';
import * as packed from './packed.wgsl.js';

// Modules that train import this file themselves. A page that only runs packed networks imports '@mobinet/bnn/webgpu';
// without that line, its bundle is smaller.
provideGpuKernels(packed);
