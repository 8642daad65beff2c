import { BackendError } from '@mobinet/tensor/functions';
import type * as packed from './packed.wgsl.js';

let kernels: typeof packed | null = null;

/**
 * The GPU kernels of the ops that packed networks consist of (`webgpu.ts`).
 * @throws BackendError in a bundle that does not include them.
 */
export function gpuKernels(): typeof packed {
  if (kernels) return kernels;
  throw new BackendError(
    "this bundle does not include the GPU kernels for binary networks. Add: import '@mobinet/bnn/webgpu'",
  );
}

export function provideGpuKernels(provided: typeof packed): void {
  kernels = provided;
}
