import { provideGpuKernels } from './gpu-kernels.js';
import * as packed from './packed.wgsl.js';

// What trains imports these kernels itself. A page that only runs packed networks has them by `import '@mobinet/bnn/webgpu'`; without
// that line its bundle is smaller.
provideGpuKernels(packed);
