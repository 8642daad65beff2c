import type * as all from './all.wgsl.js';

let kernels: typeof all | null = null;

/** The GPU kernels that ops call. `useBackend` provides them, so a bundle that never calls it does not contain them. */
export function gpuKernels(): typeof all {
  // No tensor is on a GPU before `useBackend` has opened one.
  return kernels!;
}

export function provideGpuKernels(provided: typeof all): void {
  kernels = provided;
}
