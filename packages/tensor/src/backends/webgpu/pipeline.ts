/// <reference types="@webgpu/types" />
import { KernelError } from '../../errors.js';

/** A kernel on its way to the GPU: compiled there while others work. */
export class Pipeline {
  /** Null until it is compiled. */
  ready: GPUComputePipeline | null = null;
  readonly compiled: Promise<void>;
  readonly #device: GPUDevice;
  readonly #layout: GPUBindGroupLayout;
  readonly #groups = new Map<string, GPUBindGroup>();

  /**
   * @param code WGSL with a function `main`. Binding 0 are the parameters; the buffers that are read follow, then those written.
   */
  constructor(
    readonly name: string,
    code: string,
    reads: number,
    writes: number,
    parameterBytes: number,
    device: GPUDevice,
  ) {
    this.#device = device;
    this.#layout = layoutOf(device, reads, writes, parameterBytes);
    const layout = device.createPipelineLayout({ bindGroupLayouts: [this.#layout] });
    // An error of the module comes again with the pipeline, where it is told with its line.
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
    // Whoever awaits it gets the error; nobody may be waiting yet.
    this.compiled.catch(() => {});
  }

  /** Kept, since a training step binds the same buffers again and again. */
  bindGroup(uniforms: GPUBuffer, buffers: readonly GPUBuffer[]): GPUBindGroup {
    const key = buffers.map(numberOf).join();
    let group = this.#groups.get(key);
    if (!group) {
      if (this.#groups.size >= mostGroups) this.#groups.clear();
      const resources = [{ buffer: uniforms, size: uniformBytes }, ...buffers.map((buffer) => ({ buffer }))];
      const entries = resources.map((resource, binding) => ({ binding, resource }));
      group = this.#device.createBindGroup({ layout: this.#layout, entries });
      this.#groups.set(key, group);
    }
    return group;
  }
}

/** Bind groups kept for one kernel: far more than a network needs, but a program whose sizes keep changing must not keep all. */
const mostGroups = 1024;

/** What a kernel sees of the parameters, at most. */
const uniformBytes = 256;

const numbers = new WeakMap<GPUBuffer, number>();
let count = 0;

function numberOf(buffer: GPUBuffer): number {
  let number = numbers.get(buffer);
  if (number === undefined) {
    number = count++;
    numbers.set(buffer, number);
  }
  return number;
}

function layoutOf(device: GPUDevice, reads: number, writes: number, parameterBytes: number): GPUBindGroupLayout {
  const visibility = 4; // GPUShaderStage.COMPUTE
  const storage = (binding: number, type: GPUBufferBindingType): GPUBindGroupLayoutEntry => ({
    ...{ binding, visibility, buffer: { type } },
  });
  return device.createBindGroupLayout({
    entries: [
      {
        ...{ binding: 0, visibility },
        buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: parameterBytes },
      },
      ...Array.from({ length: reads }, (_, k) => storage(1 + k, 'read-only-storage')),
      ...Array.from({ length: writes }, (_, k) => storage(1 + reads + k, 'storage')),
    ],
  });
}

/** What a kernel's compiler says, with the line that it says it of. */
async function compileError(name: string, code: string, module: GPUShaderModule, error: unknown): Promise<KernelError> {
  const { messages } = await module.getCompilationInfo();
  const [first] = messages.filter(({ type }) => type === 'error');
  const reason = first
    ? `${first.message} in line ${first.lineNum}: ${code.split('\n')[first.lineNum - 1]?.trim()}`
    : String((error as Error).message ?? error);
  return new KernelError(`kernel ${name} does not compile: ${reason}`);
}
