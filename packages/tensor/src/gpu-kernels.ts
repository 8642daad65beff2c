import type * as all from './all.wgsl.js';

let kernels: typeof all | null = null;

/** The kernels for GPUs that ops call. `useBackend` brings them: a bundle that never calls it goes without. */
export function gpuKernels(): typeof all {
  // Nothing is on a GPU before one is open.
  return kernels!;
}

export function provideGpuKernels(provided: typeof all): void {
  kernels = provided;
}
