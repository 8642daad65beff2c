import { join } from 'node:path';
import { packTar, type TarEntry } from 'modern-tar';
import { saveFile } from '../files/save-file.js';
import { listShardBytes } from './list-shard.js';
import { type Packing, type Shard, type ShardIndex, saveIndex } from './shard-index.js';

/** The index of shards that are being packed. */
export type PackingIndex = ShardIndex & { readonly packing: Packing };

/**
 * Writes shards one after the other, and after each the index, which therefore lists whole shards only and says how many
 * images are done.
 */
export class ShardWriter {
  readonly #out: string;
  #index: PackingIndex;
  #entries: TarEntry[] = [];
  /** The size of the entries in an archive. */
  #bytes = 0;
  #done: number;
  #skipped: number;

  /** @param index The index to continue. */
  constructor(out: string, index: PackingIndex) {
    this.#out = out;
    this.#index = index;
    this.#done = index.packing.done;
    this.#skipped = index.packing.skipped;
  }

  /** What has been saved. */
  get index(): PackingIndex {
    return this.#index;
  }

  /** How many images are done, in the order in which they are packed. */
  get done(): number {
    return this.#done;
  }

  /** Adds the next image. If the current shard is full, it is saved before. */
  async add(jpeg: Uint8Array, label: number): Promise<void> {
    const example = entriesOf(String(this.#done).padStart(9, '0'), jpeg, label);
    const bytes = sizeOf(example);
    if (this.#bytes > 0 && this.#bytes + bytes > this.#index.packing.shardBytes) await this.#saveShard();
    this.#entries.push(...example);
    this.#bytes += bytes;
    this.#done++;
  }

  /** Leaves out the next image. */
  skip(): void {
    this.#skipped++;
    this.#done++;
  }

  /** Saves what has not been saved yet. */
  async finish(): Promise<void> {
    if (this.#bytes > 0) await this.#saveShard();
    else await this.#saveIndex(this.#index.shards);
  }

  async #saveShard(): Promise<void> {
    const { shards } = this.#index;
    const path = join(this.#out, `${String(shards.length).padStart(6, '0')}.tar`);
    const { buffer, byteOffset, byteLength } = await packTar(this.#entries);
    const archive = Buffer.from(buffer, byteOffset, byteLength);
    await saveFile(path, archive);
    await this.#saveIndex([...shards, listShardBytes(path, archive)]);
    this.#entries = [];
    this.#bytes = 0;
  }

  async #saveIndex(shards: readonly Shard[]): Promise<void> {
    const packing = { ...this.#index.packing, done: this.#done, skipped: this.#skipped };
    this.#index = { ...this.#index, packing, shards };
    await saveIndex(this.#out, this.#index);
  }
}

function entriesOf(key: string, jpeg: Uint8Array, label: number): TarEntry[] {
  const mtime = new Date(0);
  const classNumber = String(label);
  return [
    { header: { name: `${key}.jpg`, size: jpeg.length, mtime }, body: jpeg },
    { header: { name: `${key}.cls`, size: classNumber.length, mtime }, body: classNumber },
  ];
}

/** The bytes that entries take in an archive: a header for each, and contents, all in whole blocks. */
const sizeOf = (entries: readonly TarEntry[]): number =>
  entries.reduce((sum, { header }) => sum + 512 * (1 + Math.ceil(header.size / 512)), 0);
