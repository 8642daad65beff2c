/// <reference types="@webgpu/types" />

import { BackendError, type KernelError } from '../../errors.js';
import type { UnsharedBytes } from '../../unshared-bytes.js';
import { BufferPool, bufferUsage, type PooledBuffer } from './buffer-pool.js';
import type { OpenedDevice } from './device.js';
import type { KernelTime } from './kernel-time.js';
import { KernelTimes } from './kernel-times.js';
import { withPausedPolling } from './paused-polling.js';
import type { Pipeline } from './pipeline.js';

/** One run of a kernel. */
interface Dispatch {
  readonly kind: 'dispatch';
  readonly pipeline: Pipeline;
  readonly buffers: readonly PooledBuffer[];
  readonly parameters: Uint32Array;
  readonly workgroups: readonly [x: number, y: number, z: number];
  /** The size of its tensors, for profiles. */
  readonly bytes: number;
}

/** A unit of work for the GPU. Commands run in the order in which they were enqueued. */
type Command =
  | Dispatch
  | { readonly kind: 'upload'; readonly target: GPUBuffer; readonly bytes: UnsharedBytes }
  | { readonly kind: 'copy'; readonly source: GPUBuffer; readonly target: GPUBuffer; readonly byteLength: number };

/** The number of commands per submission. Each submission has overhead, but the GPU idles until the first one. */
const commandsPerSubmission = 128;

/** The alignment in bytes of each dispatch's parameters. `minUniformBufferOffsetAlignment` is never larger. */
const parameterStride = 256;

/** Kernels with more buffers than this would take long to compile. Every GPU allows 8. */
const mostBuffers = 16;

/**
 * A GPU with a command queue. Enqueuing a command returns immediately: commands are collected, encoded together, and
 * run in order. Only reading results back has to wait (`read`).
 *
 * A command may use a kernel that is still being compiled. It and all later ones are held back until the kernel is
 * ready.
 */
export class Gpu {
  readonly name: string;
  readonly isSoftware: boolean;
  readonly device: GPUDevice;
  readonly pool: BufferPool;
  /** The most workgroups along one axis. */
  readonly maxWorkgroups: number;
  /** The most buffers that one kernel can bind, in addition to its parameters. */
  readonly maxBuffers: number;
  readonly #pausesPolling: boolean;
  readonly #uniforms: GPUBuffer;
  #commands: Command[] = [];
  #fault: Error | null = null;
  #times: KernelTimes | null = null;

  constructor({ device, name, isSoftware, isPolled }: OpenedDevice) {
    this.device = device;
    this.name = name;
    this.isSoftware = isSoftware;
    this.#pausesPolling = isSoftware && isPolled;
    this.maxWorkgroups = device.limits.maxComputeWorkgroupsPerDimension;
    this.maxBuffers = Math.min(mostBuffers, device.limits.maxStorageBuffersPerShaderStage);
    this.pool = new BufferPool(device, {
      creation: () => this.#sendReady(),
      fault: (error) => this.#fail(error),
    });
    this.#uniforms = device.createBuffer({
      size: commandsPerSubmission * parameterStride,
      usage: bufferUsage.uniform | bufferUsage.copyTarget,
    });
    void device.lost.then(({ reason, message }) => {
      this.#fail(
        new BackendError(`the GPU was lost (${reason}): ${message.replace(/\.$/, '')}. Its contents are lost.`),
      );
    });
    device.onuncapturederror = ({ error }) =>
      this.#fail(new BackendError(`the GPU rejected a command: ${error.message}`));
  }

  /** The error after which the GPU accepts no more commands; null as long as it works. */
  get fault(): Error | null {
    return this.#fault;
  }

  dispatch(dispatch: Omit<Dispatch, 'kind'>): void {
    this.#add({ kind: 'dispatch', ...dispatch });
  }

  /** Writes bytes to the start of a buffer. Their number must be a multiple of 4, and they must not change later. */
  upload(target: GPUBuffer, bytes: UnsharedBytes): void {
    if (bytes.length > 0) this.#add({ kind: 'upload', target, bytes });
  }

  copy(source: GPUBuffer, target: GPUBuffer, byteLength: number): void {
    if (byteLength > 0) this.#add({ kind: 'copy', source, target, byteLength });
  }

  /** Reads the start of a buffer, after all commands so far. @param byteLength A multiple of 4. */
  async read(source: GPUBuffer, byteLength: number): Promise<ArrayBuffer> {
    if (byteLength === 0) return new ArrayBuffer(0);
    const staging = this.#createStaging(byteLength);
    this.copy(source, staging, byteLength);
    await this.flush();
    const bytes = await this.#readStaging(staging);
    if (this.#fault) throw this.#fault;
    return bytes;
  }

  /**
   * Like `read`, but also works after a failure: returns what the last successful commands wrote.
   *
   * @throws BackendError if the GPU was lost.
   */
  async salvage(source: GPUBuffer, byteLength: number): Promise<ArrayBuffer> {
    if (!this.#fault) return this.read(source, byteLength);
    const staging = this.#createStaging(byteLength);
    this.#send([{ kind: 'copy', source, target: staging, byteLength }]);
    return this.#readStaging(staging);
  }

  #createStaging(size: number): GPUBuffer {
    return this.device.createBuffer({ size, usage: bufferUsage.mapRead | bufferUsage.copyTarget });
  }

  async #readStaging(staging: GPUBuffer): Promise<ArrayBuffer> {
    try {
      await this.#waitFor(staging.mapAsync(1));
    } catch (error) {
      throw this.#fault ?? error;
    }
    const bytes = staging.getMappedRange().slice(0);
    staging.destroy();
    return bytes;
  }

  /** Submits all commands, waiting for their kernels to compile. @throws KernelError if one does not compile. */
  async flush(): Promise<void> {
    while (this.#commands.length > 0) {
      const pipelines = new Set(
        this.#commands.flatMap((command) => (command.kind === 'dispatch' ? command.pipeline : [])),
      );
      try {
        await this.#waitFor(Promise.all(Array.from(pipelines, (pipeline) => pipeline.compiled)));
      } catch (error) {
        this.#fail(error as KernelError);
      }
      if (this.#fault) throw this.#fault;
      this.#sendReady();
    }
  }

  /** Whether kernels are being timed. */
  get isTiming(): boolean {
    return this.#times !== null;
  }

  /**
   * Starts timing each kernel.
   *
   * @returns A function that stops, and returns the time of each kernel.
   * @throws BackendError if the GPU does not support timestamp queries.
   */
  async startTimes(): Promise<() => Promise<KernelTime[]>> {
    if (!this.device.features.has('timestamp-query')) throw new BackendError(`${this.name} cannot time kernels`);
    await this.flush();
    const times = new KernelTimes(this.device);
    this.#times = times;
    return async () => {
      await this.flush();
      this.#times = null;
      return times.report();
    };
  }

  #waitFor<T>(promise: Promise<T>): Promise<T> {
    return this.#pausesPolling ? withPausedPolling(promise) : promise;
  }

  #add(command: Command): void {
    if (this.#fault) throw this.#fault;
    this.#commands.push(command);
    if (this.#commands.length >= commandsPerSubmission) this.#sendReady();
  }

  #fail(error: Error): void {
    this.#fault ??= error;
    this.#commands = [];
  }

  /** Submits commands, up to the first one whose kernel is not compiled yet. */
  #sendReady(): void {
    for (;;) {
      const batch = this.#commands.slice(0, commandsPerSubmission);
      const unready = batch.findIndex((command) => command.kind === 'dispatch' && !command.pipeline.ready);
      const count = unready < 0 ? batch.length : unready;
      if (count === 0) return;
      this.#commands.splice(0, count);
      this.#send(batch.slice(0, count));
    }
  }

  #send(commands: readonly Command[]): void {
    const { device } = this;
    const encoder = device.createCommandEncoder();
    const parameters = new Uint32Array((commands.length * parameterStride) / 4);
    const stagingBuffers: GPUBuffer[] = [];
    let pass: GPUComputePassEncoder | null = null;
    const times = this.#times?.start(commands.length);
    commands.forEach((command, slot) => {
      if (command.kind === 'dispatch') {
        parameters.set(command.parameters, (slot * parameterStride) / 4);
        const { pipeline, buffers, workgroups } = command;
        if (times) {
          pass?.end();
          pass = encoder.beginComputePass({
            timestampWrites: times.next({ kernel: pipeline.name, bytes: command.bytes }),
          });
        }
        pass ??= encoder.beginComputePass();
        pass.setPipeline(pipeline.ready!);
        pass.setBindGroup(0, pipeline.bindGroup(this.#uniforms, buffers), [slot * parameterStride]);
        pass.dispatchWorkgroups(...workgroups);
        return;
      }
      pass?.end();
      pass = null;
      if (command.kind === 'copy') {
        encoder.copyBufferToBuffer(command.source, 0, command.target, 0, command.byteLength);
        return;
      }
      // `writeBuffer` would overtake earlier commands, which are not submitted yet.
      const { bytes, target } = command;
      const staging = device.createBuffer({
        size: bytes.length,
        usage: bufferUsage.copySource,
        mappedAtCreation: true,
      });
      new Uint8Array(staging.getMappedRange()).set(bytes);
      staging.unmap();
      stagingBuffers.push(staging);
      encoder.copyBufferToBuffer(staging, 0, target, 0, bytes.length);
    });
    (pass as GPUComputePassEncoder | null)?.end();
    const timed = times?.finish(encoder);
    device.queue.writeBuffer(this.#uniforms, 0, parameters);
    device.queue.submit([encoder.finish()]);
    timed?.();
    for (const staging of stagingBuffers) staging.destroy();
  }
}

let opened: Gpu | null = null;

/** The GPU that holds tensors. @throws BackendError if none is open. */
export function gpu(): Gpu {
  if (!opened) throw new BackendError("no GPU is open. Call await useBackend('webgpu') first.");
  return opened;
}

/** The GPU that holds tensors, or null if none is open. */
export function openedGpu(): Gpu | null {
  return opened;
}

/** Makes `next` the GPU that holds new tensors. */
export function setGpu(next: Gpu): void {
  opened = next;
}
