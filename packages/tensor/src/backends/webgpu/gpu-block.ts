/// <reference types="@webgpu/types" />
import { Block } from '../../block.js';
import { BackendError } from '../../errors.js';
import { type Gpu, gpu } from './gpu.js';

/** Memory on a GPU: a buffer of its own. Elements of every dtype take four bytes there. */
export class GpuBlock extends Block {
  override readonly backend = 'webgpu';
  readonly gpu: Gpu;
  readonly buffer: GPUBuffer;

  constructor(byteLength: number, purpose = 'a tensor') {
    const owner = gpu();
    const buffer = owner.pool.take(byteLength, purpose);
    super(byteLength);
    if (poison !== null) owner.upload(buffer, new Uint8Array(buffer.size).fill(poison));
    this.gpu = owner;
    this.buffer = buffer;
  }

  override get address(): number {
    throw new BackendError('the tensor is on the GPU. To see its elements, await data().');
  }

  protected override free(): void {
    this.gpu.pool.give(this.buffer);
  }
}

let poison: number | null = null;

/** For tests: fills every new block with this byte (null: leaves what was there), to find elements that a kernel forgot. */
export function poisonGpuBlocks(byte: number | null): void {
  poison = byte;
}
