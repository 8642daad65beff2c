/// <reference types="@webgpu/types" />
import { Block } from '../../block.js';
import { BackendError } from '../../errors.js';
import type { PooledBuffer } from './buffer-pool.js';
import { type Gpu, gpu } from './gpu.js';

/** Memory on a GPU: one buffer, which holds a number of whole words. */
export class GpuBlock extends Block {
  override readonly backend = 'webgpu';
  readonly gpu: Gpu;
  readonly pooled: PooledBuffer;

  constructor(byteLength: number, purpose = 'a tensor') {
    const owner = gpu();
    const pooled = owner.pool.take(byteLength, purpose);
    super(byteLength);
    if (poison !== null) owner.upload(pooled.buffer, new Uint8Array(pooled.size).fill(poison));
    this.gpu = owner;
    this.pooled = pooled;
  }

  get buffer(): GPUBuffer {
    return this.pooled.buffer;
  }

  override get address(): number {
    throw new BackendError('the tensor is on the GPU. Use await data() to read its elements.');
  }

  protected override free(): void {
    this.gpu.pool.release(this.pooled);
  }
}

let poison: number | null = null;

/** For tests: fills new blocks with this byte, to reveal elements that a kernel does not write. Null turns it off. */
export function poisonGpuBlocks(byte: number | null): void {
  poison = byte;
}
