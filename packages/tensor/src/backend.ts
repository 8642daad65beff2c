import { AbsentBlock, absentMemory } from './absent.js';
import type { BackendName } from './backend-name.js';
import { allocate } from './backends/cpu/heap.js';
import { memoryLimit } from './backends/cpu/memory.js';
import { gpu, openedGpu } from './backends/webgpu/gpu.js';
import { GpuBlock } from './backends/webgpu/gpu-block.js';
import type { KernelTime } from './backends/webgpu/kernel-time.js';
import { type Block, bytesInUse } from './block.js';
import { bytesPerElement, type DType } from './dtype.js';
import { countHandles } from './scope.js';
import { Setting } from './setting.js';

const setting = new Setting<BackendName>('cpu');

/** Where new tensors are made. Operations run where their inputs are. */
export function currentBackend(): BackendName {
  return setting.current;
}

/** For `useBackend`, which sees to it that the backend is open. */
export function setBackend(backend: BackendName): void {
  setting.current = backend;
}

/** Runs `body` with new tensors made on a backend, which must be open. */
export function withBackend<T>(backend: BackendName, body: () => T): T {
  return setting.during(backend, body);
}

/**
 * What lives now: handles that were not disposed, and the bytes behind them (views share theirs). `limit` is how many bytes the
 * memory of the CPU backend may have: 4 GiB, or less where a device, such as a telephone, gives no more.
 */
export function memory(): { tensors: number; bytes: number; limit: number } {
  return { tensors: countHandles(), bytes: bytesInUse(), limit: memoryLimit() };
}

/** Buffers that the GPU holds for tensors, those included that wait for the next; 0 where none is open. */
export function gpuBufferCount(): number {
  return openedGpu()?.pool.count ?? 0;
}

/** How many bytes a tensor may have on the GPU. @throws BackendError if none is open. */
export function gpuTensorLimit(): number {
  return gpu().pool.limit;
}

/** Times each kernel of the GPU from now on. @returns Ends it; tells what each took. @throws BackendError where that cannot be. */
export function startGpuTimes(): Promise<() => Promise<KernelTime[]>> {
  return gpu().startTimes();
}

/** Bytes of an element where it lies: on the GPU, all take four. */
export function bytesOf(dtype: DType, backend: BackendName): number {
  return backend === 'webgpu' ? 4 : bytesPerElement(dtype);
}

/** Memory for a new tensor. */
export function allocateOn(backend: BackendName, byteLength: number, purpose?: string): Block {
  const absent = absentMemory();
  if (absent) return new AbsentBlock(backend, byteLength, absent);
  return backend === 'cpu' ? allocate(byteLength, purpose) : new GpuBlock(byteLength, purpose);
}
