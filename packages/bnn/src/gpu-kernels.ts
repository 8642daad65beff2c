import { BackendError } from '@mobinet/tensor';
import type * as packed from './packed.wgsl.js';

let kernels: typeof packed | null = null;

/**
 * The kernels for GPUs of the ops that packed networks are made of (`webgpu.ts`).
 * @throws BackendError in a bundle without them.
 */
export function gpuKernels(): typeof packed {
  if (kernels) return kernels;
  throw new BackendError(
    "the kernels of binary networks for GPUs are not in this bundle. Add: import '@mobinet/bnn/webgpu'",
  );
}

export function provideGpuKernels(provided: typeof packed): void {
  kernels = provided;
}
