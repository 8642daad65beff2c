import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { DataError, unreadable } from '../data/errors.js';
import { saveFile } from '../files/save-file.js';

/** A shard: a tar archive of images. The lists have one entry per image, in the order of the archive. */
export interface Shard {
  /** The name of its file. */
  readonly file: string;
  /** The size of the file. */
  readonly bytes: number;
  /** The names of the images in the archive. */
  readonly names: string[];
  /** The classes of the images, counted from 0. */
  readonly labels: number[];
  /** Where the bytes of each image begin in the file, and how many there are. */
  readonly starts: number[];
  readonly lengths: number[];
  /** The CRC-32 of each image; missing in an index that was made from headers only. */
  readonly checksums?: number[];
}

/** How a folder of shards was packed, and how far. */
export interface Packing {
  readonly resize: number;
  readonly quality: number;
  readonly shardBytes: number;
  /** The programs that decoded and encoded the images. */
  readonly software: string;
  /** A hash of the names and sizes of the images. */
  readonly source: string;
  /** The number of images to pack. */
  readonly images: number;
  /** How many of them are done: in the shards, or skipped. */
  readonly done: number;
  /** How many of these could not be decoded. */
  readonly skipped: number;
}

/** The index of a folder of shards, from which any image can be found without reading the shards. */
export interface ShardIndex {
  /** The names of the classes; null if the shards do not tell them. */
  readonly classes: readonly string[] | null;
  /** Null if the index was made later, from the headers of the shards. */
  readonly packing: Packing | null;
  readonly shards: readonly Shard[];
}

/** The name of the index in a folder of shards. */
export const indexFile = 'index.json';

const format = 'mobinet shards 1';

/** Saves an index. Its first entry is a checksum of the text after it. */
export async function saveIndex(folder: string, index: ShardIndex): Promise<void> {
  const rest = `"format":${JSON.stringify(format)},${JSON.stringify(index).slice(1)}\n`;
  await saveFile(join(folder, indexFile), `${headOf(rest)}${rest}`);
}

const headOf = (rest: string): string => `{"crc32":"${crc32(rest).toString(16).padStart(8, '0')}",`;

/**
 * Reads the index of a folder; null if it has none.
 * @throws DataError if it cannot be read, is damaged, or has another format.
 */
export function readIndex(folder: string): ShardIndex | null {
  const path = join(folder, indexFile);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw unreadable(error, path, 'index of shards');
  }
  const rest = text.slice(headOf('').length);
  if (text !== `${headOf(rest)}${rest}`) {
    throw new DataError(
      `${path} is damaged, or not an index of shards: its checksum is wrong. Copy it again, or pack the images again`,
    );
  }
  const index = JSON.parse(text);
  if (index.format !== format) throw new DataError(`${path} has the format ${index.format}, not ${format}`);
  const { classes, packing, shards } = index;
  return { classes, packing, shards };
}
