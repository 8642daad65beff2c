import type { Block } from '../../block.js';
import type { UnsharedBytes } from '../../unshared-bytes.js';
import type { GpuBlock } from './gpu-block.js';

/** Reads the first words of a block on the GPU, after all pending work on them. */
export function readWords(block: Block, count: number): Promise<ArrayBuffer> {
  const { gpu, buffer } = block as GpuBlock;
  return gpu.read(buffer, 4 * count);
}

/** Like `readWords`, but also works after the GPU has failed, as long as its memory is still accessible. */
export function salvageWords(block: Block, count: number): Promise<ArrayBuffer> {
  const { gpu, buffer } = block as GpuBlock;
  return gpu.salvage(buffer, 4 * count);
}

/** Writes to the start of a block on the GPU. The bytes must not change afterwards. */
export function writeBytes(block: Block, bytes: UnsharedBytes): void {
  const { gpu, buffer } = block as GpuBlock;
  gpu.upload(buffer, bytes);
}

/** Copies a block on the GPU to another of the same size. */
export function copyBlock(source: Block, target: Block): void {
  const { gpu, buffer } = target as GpuBlock;
  gpu.copy((source as GpuBlock).buffer, buffer, source.byteLength);
}
