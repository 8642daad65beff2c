import { AbsentBlock, absentMemory } from './absent.js';
import { type BackendName, backendNames } from './backend-name.js';
import { allocate } from './backends/cpu/heap.js';
import { memoryLimit } from './backends/cpu/memory.js';
import { gpu, openedGpu } from './backends/webgpu/gpu.js';
import { GpuBlock } from './backends/webgpu/gpu-block.js';
import type { KernelTime } from './backends/webgpu/kernel-time.js';
import { type Block, bytesInUse } from './block.js';
import { checkChoice } from './check.js';
import { countHandles } from './scope.js';
import { Setting } from './setting.js';

const setting = new Setting<BackendName>('cpu');

/**
 * The backend on which new tensors are created. Operations run on the backend of their inputs.
 *
 * @example
 * ```ts
 * import { currentBackend } from '@mobinet/tensor';
 *
 * console.log(`${currentBackend()}`);
 * // → cpu
 * ```
 */
export function currentBackend(): BackendName {
  return setting.current;
}

/** For `useBackend`, which makes sure that the backend is open. */
export function setBackend(backend: BackendName): void {
  setting.current = backend;
}

/**
 * Runs `body` with new tensors created on `backend`, which must be open (see `useBackend`). Returns what `body`
 * returns.
 *
 * @throws BackendError if `body` creates a tensor on a GPU that is not open; RangeError for an unknown backend.
 *
 * @example
 * ```ts
 * import { withBackend, zeros } from '@mobinet/tensor';
 *
 * const x = withBackend('cpu', () => zeros([3])); // on the CPU, whatever `useBackend` has chosen
 * console.log(x.backend);
 * // → cpu
 * ```
 */
export function withBackend<T>(backend: BackendName, body: () => T): T {
  return setting.during(checkChoice('withBackend: backend', backend, backendNames), body);
}

/**
 * Returns the number of tensors that have not been disposed, and the bytes that they use; views share theirs. `limit`
 * is the maximum size of the CPU backend's memory in bytes: 4 GiB, or less on devices such as phones.
 *
 * @example
 * ```ts
 * import { memory, zeros } from '@mobinet/tensor';
 *
 * const before = memory();
 * const x = zeros([1000]);
 * const { tensors, bytes, limit } = memory();
 * console.log(`${tensors - before.tensors} more tensor of at least 4000 bytes: ${bytes - before.bytes >= 4000}`);
 * // → 1 more tensor of at least 4000 bytes: true
 * console.log(`at least 512 MiB are available: ${limit >= 2 ** 29}`);
 * // → at least 512 MiB are available: true
 * x.dispose();
 * ```
 */
export function memory(): { tensors: number; bytes: number; limit: number } {
  return { tensors: countHandles(), bytes: bytesInUse(), limit: memoryLimit() };
}

/**
 * The number of GPU buffers allocated for tensors, including those kept for reuse; 0 if no GPU is open.
 *
 * @example
 * ```ts
 * import { gpuBufferCount } from '@mobinet/tensor';
 *
 * console.log(gpuBufferCount()); // no GPU is open
 * // → 0
 * ```
 */
export function gpuBufferCount(): number {
  return openedGpu()?.pool.count ?? 0;
}

/**
 * The maximum size of a tensor on the GPU, in bytes. @throws BackendError if no GPU is open.
 *
 * @example
 * ```ts
 * import { gpuTensorLimit } from '@mobinet/tensor';
 *
 * try {
 *   console.log(`${gpuTensorLimit()} bytes`); // at least 128 MiB after useBackend('webgpu')
 * } catch (error) {
 *   console.log(`${error}`);
 * }
 * // → BackendError: no GPU is open. Call await useBackend('webgpu') first.
 * ```
 */
export function gpuTensorLimit(): number {
  return gpu().pool.limit;
}

/**
 * Starts timing each GPU kernel.
 *
 * @returns A function that stops, and returns the time of each kernel.
 * @throws BackendError if no GPU is open, or it cannot measure times.
 */
export function startGpuTimes(): Promise<() => Promise<KernelTime[]>> {
  return gpu().startTimes();
}

/** Allocates memory for a tensor. On a GPU it is a number of whole words. */
export function allocateOn(backend: BackendName, byteLength: number, purpose?: string): Block {
  const bytes = backend === 'cpu' ? byteLength : 4 * Math.ceil(byteLength / 4);
  const absent = absentMemory();
  if (absent) return new AbsentBlock(backend, bytes, absent);
  return backend === 'cpu' ? allocate(bytes, purpose) : new GpuBlock(bytes, purpose);
}
