import type { Block } from '../../block.js';
import { gpu } from './gpu.js';
import type { GpuBlock } from './gpu-block.js';

/** The first words of a block on the GPU, once all work that makes them has ended. */
export function readWords(block: Block, count: number): Promise<ArrayBuffer> {
  return gpu().read((block as GpuBlock).buffer, 4 * count);
}

/** Writes to the start of a block on the GPU. The bytes must not change afterwards. */
export function writeBytes(block: Block, bytes: Uint8Array<ArrayBuffer>): void {
  gpu().upload((block as GpuBlock).buffer, bytes);
}

/** Copies from one block on the GPU to another of its size. */
export function copyBlock(source: Block, target: Block): void {
  gpu().copy((source as GpuBlock).buffer, (target as GpuBlock).buffer, source.byteLength);
}
