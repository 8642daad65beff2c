import type { Rng } from '@mobinet/tensor/functions';
import { ascending, shuffled } from '../data/shuffled.js';
import type { Catalog } from './catalog.js';

/** A part of a shard that is read at once, and the images in it. */
export interface Chunk {
  /** The path of the shard. */
  readonly path: string;
  readonly start: number;
  readonly bytes: number;
  /** Its images: `from` … `to` − 1, as positions in `chosen`. */
  readonly from: number;
  readonly to: number;
}

/** The sizes that determine in which order images are read, in bytes. */
export interface ReadSizes {
  /** The most that is read at once, unless a single image is larger. */
  readonly chunk: number;
  /** The images of chunks of this total size are shuffled together. Twice as much is in memory. */
  readonly window: number;
  /** A larger gap between two images is not read. */
  readonly gap: number;
}

/** A disk reads chunks of this size nearly as fast as whole files. A window holds thousands of small images. */
export const readSizes: ReadSizes = { chunk: 4 * 2 ** 20, window: 64 * 2 ** 20, gap: 64 * 2 ** 10 };

/** Divides shards into chunks of neighboring images. `chosen` are the images to read, ascending. */
export function chunksOf(catalog: Catalog, chosen: Uint32Array, { chunk, gap }: ReadSizes = readSizes): Chunk[] {
  const { shards, shard, start, length } = catalog;
  const chunks: Chunk[] = [];
  let from = 0;
  for (let to = 1; to <= chosen.length; to++) {
    const [first, last, next] = [chosen[from], chosen[to - 1], chosen[to]];
    const end = start[last] + length[last];
    const continues =
      to < chosen.length &&
      shard[next] === shard[first] &&
      start[next] - end <= gap &&
      start[next] + length[next] - start[first] <= chunk;
    if (continues) continue;
    chunks.push({ path: shards[shard[first]], start: start[first], bytes: end - start[first], from, to });
    from = to;
  }
  return chunks;
}

/** The order in which a pass reads images. */
export interface ReadPlan {
  /** All images, as positions in `chosen`. */
  readonly order: Int32Array;
  /** The chunks of each window, in the order in which they are read. */
  readonly windows: readonly (readonly number[])[];
}

/**
 * Plans a pass over all images. Chunks are shuffled and read one after the other, as many as make a window, and the
 * images of a window are shuffled. So images of distant parts of the shards come together, while the shards are read in
 * large pieces. The plan is a function of the generator, so a pass can begin at any image. Without a generator, images
 * keep their order.
 */
export function planPass(chunks: readonly Chunk[], rng: Rng | null, { window }: ReadSizes = readSizes): ReadPlan {
  const sequence = rng ? shuffled(rng.split('chunks'), chunks.length) : ascending(chunks.length);
  const windows: number[][] = [];
  let room = 0;
  for (const chunk of sequence) {
    const { bytes } = chunks[chunk];
    if (windows.length === 0 || bytes > room) {
      windows.push([]);
      room = window;
    }
    windows[windows.length - 1].push(chunk);
    room -= bytes;
  }
  const order = windows.flatMap((members, index) => {
    const images = members.flatMap((chunk) => {
      const { from, to } = chunks[chunk];
      return Array.from({ length: to - from }, (_, i) => from + i);
    });
    return rng ? Array.from(shuffled(rng.split('window', index), images.length), (i) => images[i]) : images;
  });
  return { order: Int32Array.from(order), windows };
}
