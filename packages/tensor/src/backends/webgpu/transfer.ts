import type { Block } from '../../block.js';
import type { UnsharedBytes } from '../../unshared-bytes.js';
import type { GpuBlock } from './gpu-block.js';

/** The first words of a block on the GPU, once all work that makes them has ended. */
export function readWords(block: Block, count: number): Promise<ArrayBuffer> {
  const { gpu, buffer } = block as GpuBlock;
  return gpu.read(buffer, 4 * count);
}

/** The same of a GPU that has failed, if its memory is still there. */
export function salvageWords(block: Block, count: number): Promise<ArrayBuffer> {
  const { gpu, buffer } = block as GpuBlock;
  return gpu.salvage(buffer, 4 * count);
}

/** Writes to the start of a block on the GPU. The bytes must not change afterwards. */
export function writeBytes(block: Block, bytes: UnsharedBytes): void {
  const { gpu, buffer } = block as GpuBlock;
  gpu.upload(buffer, bytes);
}

/** Copies from one block on the GPU to another of its size. */
export function copyBlock(source: Block, target: Block): void {
  const { gpu, buffer } = target as GpuBlock;
  gpu.copy((source as GpuBlock).buffer, buffer, source.byteLength);
}
