import { crc32 } from 'node:zlib';
import type { Rng } from '@mobinet/tensor/functions';
import { DataError } from '../data/errors.js';
import { hashOf } from '../data/fingerprint.js';
import type { ClassFingerprint, ImagePass, ImageSource } from '../data/source.js';
import { type Catalog, imageName } from './catalog.js';
import { type Chunk, chunksOf, planPass, type ReadSizes, readSizes } from './read-plan.js';
import { copyAgain } from './tar-members.js';
import { readPart, WindowReader } from './window-reader.js';

/** Images of shards: all of a catalog, or some. */
export class ShardSource implements ImageSource {
  readonly #catalog: Catalog;
  readonly #chosen: Uint32Array;
  readonly #sizes: ReadSizes;
  #chunks: readonly Chunk[] | null = null;

  /**
   * @param classes The names of the classes.
   * @param chosen The images to use, as ascending positions in the catalog.
   */
  constructor(
    catalog: Catalog,
    readonly classes: readonly string[],
    chosen: Uint32Array,
    sizes = readSizes,
  ) {
    this.#catalog = catalog;
    this.#chosen = chosen;
    this.#sizes = sizes;
  }

  get length(): number {
    return this.#chosen.length;
  }

  label(index: number): number {
    return this.#catalog.labels[this.#chosen[index]];
  }

  name(index: number): string {
    return imageName(this.#catalog, this.#chosen[index]);
  }

  /** Reads a single image. */
  async image(index: number): Promise<Uint8Array> {
    const { shards, shard, start, length } = this.#catalog;
    const position = this.#chosen[index];
    const part = { path: shards[shard[position]], start: start[position], bytes: length[position] };
    return this.#checked(index, await readPart(part));
  }

  /** Reads all images in the order of `planPass`. */
  pass(rng: Rng | null): ImagePass {
    const chunks = this.#allChunks();
    const plan = planPass(chunks, rng, this.#sizes);
    const reader = new WindowReader(chunks, plan);
    const chunkOf = new Uint32Array(this.length);
    for (const [chunk, { from, to }] of chunks.entries()) chunkOf.fill(chunk, from, to);
    const image = async (index: number): Promise<Uint8Array> => {
      const bytes = await reader.read(chunkOf[index]);
      const position = this.#chosen[index];
      const at = this.#catalog.start[position] - chunks[chunkOf[index]].start;
      return this.#checked(index, bytes.subarray(at, at + this.#catalog.length[position]));
    };
    return { order: plan.order, image };
  }

  /** Hashes names, lengths and checksums, all of which the index contains. */
  fingerprint(): ClassFingerprint[] {
    const { names, labels, length, checksum } = this.#catalog;
    const parts = this.classes.map((): string[] => []);
    for (const position of this.#chosen) {
      parts[labels[position]].push(`${names[position]}\0${length[position]}\0${checksum?.[position] ?? ''}\n`);
    }
    return parts.map((images) => ({ images: images.length, hash: hashOf(images) }));
  }

  #allChunks(): readonly Chunk[] {
    this.#chunks ??= chunksOf(this.#catalog, this.#chosen, this.#sizes);
    return this.#chunks;
  }

  #checked(index: number, bytes: Buffer): Buffer {
    const { checksum } = this.#catalog;
    if (checksum && crc32(bytes) !== checksum[this.#chosen[index]]) {
      throw new DataError(
        `${this.name(index)} is damaged: its bytes do not match the checksum of the index. ${copyAgain}`,
      );
    }
    return bytes;
  }
}
