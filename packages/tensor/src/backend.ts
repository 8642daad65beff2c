import { AbsentBlock, absentMemory } from './absent.js';
import type { BackendName } from './backend-name.js';
import { allocate } from './backends/cpu/heap.js';
import { memoryLimit } from './backends/cpu/memory.js';
import { gpu, openedGpu } from './backends/webgpu/gpu.js';
import { GpuBlock } from './backends/webgpu/gpu-block.js';
import type { KernelTime } from './backends/webgpu/kernel-time.js';
import { type Block, bytesInUse } from './block.js';
import { countHandles } from './scope.js';
import { Setting } from './setting.js';

const setting = new Setting<BackendName>('cpu');

/** The backend on which new tensors are created. Operations run on the backend of their inputs. */
export function currentBackend(): BackendName {
  return setting.current;
}

/** For `useBackend`, which makes sure that the backend is open. */
export function setBackend(backend: BackendName): void {
  setting.current = backend;
}

/** Runs `body` with new tensors created on `backend`, which must be open. */
export function withBackend<T>(backend: BackendName, body: () => T): T {
  return setting.during(backend, body);
}

/**
 * Returns the number of tensors that have not been disposed, and the bytes that they use; views share theirs. `limit`
 * is the maximum size of the CPU backend's memory in bytes: 4 GiB, or less on devices such as phones.
 */
export function memory(): { tensors: number; bytes: number; limit: number } {
  return { tensors: countHandles(), bytes: bytesInUse(), limit: memoryLimit() };
}

/** The number of GPU buffers allocated for tensors, including those kept for reuse; 0 if no GPU is open. */
export function gpuBufferCount(): number {
  return openedGpu()?.pool.count ?? 0;
}

/** The maximum size of a tensor on the GPU, in bytes. @throws BackendError if no GPU is open. */
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
