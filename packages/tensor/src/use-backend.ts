import * as kernels from './all.wgsl.js';
import { setBackend } from './backend.js';
import type { BackendName } from './backend-name.js';
import { type NoDevice, openDevice } from './backends/webgpu/device.js';
import { Gpu, openedGpu, setGpu } from './backends/webgpu/gpu.js';
import { BackendError } from './errors.js';
import { provideGpuKernels } from './gpu-kernels.js';

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
 * - `'webgpu'`: the GPU; where there is none, a software adapter.
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
  if (choice === 'auto' && found.isSoftware)
    return choose('cpu', `the CPU: ${found.name} is a software adapter, not a GPU`);
  provideGpuKernels(kernels);
  setGpu(found);
  return choose('webgpu', `the GPU: ${found.name}${found.isSoftware ? ', a software adapter' : ''}`);
}

const packageHint = 'there seems to be a GPU here: npm install webgpu lets kernels run on it';

function choose(backend: BackendName, reason: string): BackendChoice {
  setBackend(backend);
  return { backend, reason };
}

/** One GPU for all who ask, as long as it works. */
async function openGpu(): Promise<Gpu | NoDevice> {
  const opened = openedGpu();
  if (opened && !opened.fault) return opened;
  const device = await openDevice();
  return 'reason' in device ? device : new Gpu(device);
}
