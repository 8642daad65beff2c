/// <reference types="@webgpu/types" />
import { KernelError } from '../../errors.js';
import type { PooledBuffer } from './buffer-pool.js';

/** The code and the interface of a compute pipeline. */
export interface PipelineDefinition {
  readonly name: string;
  /** WGSL with a function `main`. Binding 0 holds the parameters, followed by the buffers read, then those written. */
  readonly code: string;
  /** The number of buffers that the kernel only reads. */
  readonly reads: number;
  /** The number of buffers that the kernel writes. */
  readonly writes: number;
  readonly parameterBytes: number;
}

/** A kernel for the GPU. It is compiled in the background. */
export class Pipeline {
  readonly name: string;
  /** Null until the kernel is compiled. */
  ready: GPUComputePipeline | null = null;
  /** Resolves when the kernel is compiled. Rejects with a KernelError if it does not compile. */
  readonly compiled: Promise<void>;
  readonly #device: GPUDevice;
  readonly #layout: GPUBindGroupLayout;
  readonly #groups = new Map<string, GPUBindGroup>();

  constructor(device: GPUDevice, definition: PipelineDefinition) {
    const { name, code } = definition;
    this.name = name;
    this.#device = device;
    this.#layout = layoutOf(device, definition);
    const layout = device.createPipelineLayout({ bindGroupLayouts: [this.#layout] });
    // An error in the module is ignored here, because the pipeline reports it again, and `compileError` adds its line.
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ code, label: name });
    void device.popErrorScope();
    this.compiled = device
      .createComputePipelineAsync({ layout, compute: { module, entryPoint: 'main' }, label: name })
      .then(
        (pipeline) => {
          this.ready = pipeline;
        },
        async (error) => {
          throw await compileError(name, code, module, error);
        },
      );
    // Prevents an unhandled rejection while nobody is waiting yet. Whoever awaits `compiled` still gets the error.
    this.compiled.catch(() => {});
  }

  /** Returns the bind group of these buffers. It is cached, because every training step binds the same buffers. */
  bindGroup(uniforms: GPUBuffer, buffers: readonly PooledBuffer[]): GPUBindGroup {
    const key = buffers.map(({ number }) => number).join();
    let group = this.#groups.get(key);
    if (!group) {
      if (this.#groups.size >= maxBindGroups) this.#groups.clear();
      const resources = [{ buffer: uniforms, size: uniformBytes }, ...buffers.map(({ buffer }) => ({ buffer }))];
      const entries = resources.map((resource, binding) => ({ binding, resource }));
      group = this.#device.createBindGroup({ layout: this.#layout, entries });
      this.#groups.set(key, group);
    }
    return group;
  }
}

/** The most bind groups cached per kernel: more than any network needs, but a bound where sizes keep changing. */
const maxBindGroups = 1024;

/** The size of the parameter binding in bytes: the most that the parameters of a kernel can take. */
const uniformBytes = 256;

function layoutOf(device: GPUDevice, { reads, writes, parameterBytes }: PipelineDefinition): GPUBindGroupLayout {
  const visibility = 4; // GPUShaderStage.COMPUTE
  const storage = (binding: number, type: GPUBufferBindingType): GPUBindGroupLayoutEntry => ({
    binding,
    visibility,
    buffer: { type },
  });
  return device.createBindGroupLayout({
    entries: [
      {
        binding: 0,
        visibility,
        buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: parameterBytes },
      },
      ...Array.from({ length: reads }, (_, k) => storage(1 + k, 'read-only-storage')),
      ...Array.from({ length: writes }, (_, k) => storage(1 + reads + k, 'storage')),
    ],
  });
}

/** The compiler's first error message, with the line of code that it refers to. */
async function compileError(name: string, code: string, module: GPUShaderModule, error: unknown): Promise<KernelError> {
  const { messages } = await module.getCompilationInfo();
  const [first] = messages.filter(({ type }) => type === 'error');
  const reason = first
    ? `${first.message} in line ${first.lineNum}: ${code.split('\n')[first.lineNum - 1]?.trim()}`
    : String((error as Error).message ?? error);
  return new KernelError(`kernel ${name} does not compile: ${reason}`);
}
