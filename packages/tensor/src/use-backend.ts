import * as kernels from './all.wgsl.js';
import { setBackend } from './backend.js';
import { type BackendName, backendNames } from './backend-name.js';
import { type NoDevice, openDevice } from './backends/webgpu/device.js';
import { Gpu, openedGpu, setGpu } from './backends/webgpu/gpu.js';
import { checkChoice } from './check.js';
import { BackendError } from './errors.js';
import { provideGpuKernels } from './gpu-kernels.js';
import { withHelp } from './help.js';

/** The result of `useBackend`. */
export interface BackendChoice {
  /** The backend that was chosen. */
  readonly backend: BackendName;
  /** One line that says what was chosen, and why. */
  readonly reason: string;
  /** One line that says how to use the GPU, if there seems to be one and only the package `webgpu` is missing. */
  readonly hint?: string;
}

/**
 * Chooses the backend on which new tensors are created. Existing tensors stay where they are.
 *
 * - `'cpu'`: WebAssembly on the threads of this processor, the default.
 * - `'webgpu'`: the GPU, or a software adapter if there is none.
 * - `'auto'`: the GPU if there is a real one, otherwise the processor.
 *
 * @throws BackendError if `'webgpu'` is requested but not available; RangeError for an unknown backend.
 *
 * @example
 * ```ts
 * import { useBackend } from '@mobinet/tensor';
 *
 * const { backend, reason } = await useBackend('cpu'); // or 'auto': a GPU, if there is one
 * console.log(`${backend}: ${reason}`);
 * // → cpu: the CPU, as requested
 * ```
 */
export async function useBackend(choice: BackendName | 'auto'): Promise<BackendChoice> {
  checkChoice('useBackend: choice', choice, [...backendNames, 'auto']);
  if (choice === 'cpu') return choose('cpu', 'the CPU, as requested');
  const found = await openGpu();
  if (!(found instanceof Gpu)) {
    if (choice === 'webgpu') {
      throw new BackendError(withHelp(`WebGPU is not available: ${found.reason}. Use the CPU.`, 'no-gpu'));
    }
    const chosen = choose('cpu', `the CPU: ${found.reason}`);
    return found.lacksOnlyPackage ? { ...chosen, hint: packageHint } : chosen;
  }
  if (choice === 'auto' && found.isSoftware)
    return choose('cpu', `the CPU: ${found.name} is a software adapter, not a GPU`);
  provideGpuKernels(kernels);
  setGpu(found);
  return choose('webgpu', `the GPU: ${found.name}${found.isSoftware ? ', a software adapter' : ''}`);
}

const packageHint = 'this machine seems to have a GPU: npm install webgpu to run kernels on it';

function choose(backend: BackendName, reason: string): BackendChoice {
  setBackend(backend);
  return { backend, reason };
}

/** Opens a GPU, or returns the one that is already open, unless it has failed. */
async function openGpu(): Promise<Gpu | NoDevice> {
  const opened = openedGpu();
  if (opened && !opened.fault) return opened;
  const device = await openDevice();
  return 'reason' in device ? device : new Gpu(device);
}
