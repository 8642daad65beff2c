import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packTar } from 'modern-tar';
import { encodeJpeg, picture } from '../data/fixtures.test.helper.js';
import { listShardBytes } from './list-shard.js';
import { type Shard, saveIndex } from './shard-index.js';

/** A small JPEG that differs for every number. */
export const jpegOf = (number: number): Buffer => encodeJpeg(picture(8 + (number % 5), 10, number));

/** What `writeShards` writes. */
export interface ShardsToWrite {
  readonly images: number;
  readonly perShard: number;
  readonly classes: number;
  /** Whether to write an index. Default: true. */
  readonly index?: boolean;
}

/** Writes shards of small images, of which image i has the class i modulo `classes`. */
export async function writeShards(folder: string, { images, perShard, classes, index = true }: ShardsToWrite) {
  mkdirSync(folder, { recursive: true });
  const shards: Shard[] = [];
  for (let from = 0; from < images; from += perShard) {
    const entries = Array.from({ length: Math.min(perShard, images - from) }, (_, i) => {
      const [key, jpeg, label] = [`image-${from + i}`, jpegOf(from + i), String((from + i) % classes)];
      return [
        { header: { name: `${key}.jpg`, size: jpeg.length }, body: jpeg },
        { header: { name: `${key}.cls`, size: label.length }, body: label },
      ];
    });
    const path = join(folder, `${String(shards.length).padStart(6, '0')}.tar`);
    const bytes = Buffer.from(await packTar(entries.flat()));
    writeFileSync(path, bytes);
    shards.push(listShardBytes(path, bytes));
  }
  const names = Array.from({ length: classes }, (_, label) => `class ${label}`);
  if (index) await saveIndex(folder, { classes: names, packing: null, shards });
  return { folder, shards, classes: names };
}
