import { AbsentBlock, absentMemory } from './absent.js';
import type { BackendName } from './backend-name.js';
import { allocate } from './backends/cpu/heap.js';
import { type NoDevice, openDevice } from './backends/webgpu/device.js';
import { Gpu, gpu, openedGpu, setGpu } from './backends/webgpu/gpu.js';
import { GpuBlock } from './backends/webgpu/gpu-block.js';
import type { KernelTime } from './backends/webgpu/kernel-time.js';
import type { Block } from './block.js';
import { bytesPerElement, type DType } from './dtype.js';
import { BackendError } from './errors.js';

let current: BackendName = 'cpu';

/** Where new tensors are made. Operations run where their inputs are. */
export function currentBackend(): BackendName {
  return current;
}

/** What `useBackend` has chosen. */
export interface BackendChoice {
  readonly backend: BackendName;
  /** One line: what was chosen, and why. */
  readonly reason: string;
  /** One line, where there seems to be a GPU that only lacks the package `webgpu`: how to get it. */
  readonly hint?: string;
}

/**
 * Chooses where tensors are made from now on; those that there are stay where they are.
 *
 * - `'cpu'`: WebAssembly on the threads of this processor, the default.
 * - `'webgpu'`: the GPU; where there is none, a program that plays one.
 * - `'auto'`: the GPU if there is a real one, else the processor.
 *
 * @throws BackendError where `'webgpu'` is asked for and not there.
 */
export async function useBackend(choice: BackendName | 'auto'): Promise<BackendChoice> {
  if (choice === 'cpu') return choose('cpu', 'the CPU, as asked for');
  const found = await openGpu();
  if (!(found instanceof Gpu)) {
    if (choice === 'webgpu')
      throw new BackendError(`there is no WebGPU: ${found.reason}. Use the CPU, or see docs/gpu.md.`);
    const chosen = choose('cpu', `the CPU: ${found.reason}`);
    return found.lacksOnlyPackage ? { ...chosen, hint: packageHint } : chosen;
  }
  if (choice === 'auto' && found.isSoftware) return choose('cpu', `the CPU: ${found.name} is a program, not a GPU`);
  setGpu(found);
  return choose('webgpu', `the GPU: ${found.name}${found.isSoftware ? ', which is a program' : ''}`);
}

const packageHint = 'there seems to be a GPU here: npm install webgpu lets kernels run on it';

function choose(backend: BackendName, reason: string): BackendChoice {
  current = backend;
  return { backend, reason };
}

/** One GPU for all who ask, as long as it works. */
async function openGpu(): Promise<Gpu | NoDevice> {
  const opened = openedGpu();
  if (opened && !opened.fault) return opened;
  const device = await openDevice();
  return 'reason' in device ? device : new Gpu(device);
}

/** Runs `body` with new tensors made on a backend, which must be open. */
export function withBackend<T>(backend: BackendName, body: () => T): T {
  const outer = current;
  current = backend;
  try {
    return body();
  } finally {
    current = outer;
  }
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
